"""The study of smoothed scores: the page holds what its command prints."""

import sys
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))

from experiments.smoothing import __main__ as study  # noqa: E402
from experiments.smoothing.filters import edge_aware, majority  # noqa: E402


def test_the_page_holds_what_the_command_prints() -> None:
    page = (ROOT / "docs/choosing.md").read_text()
    assert f"{study.BEGIN}\n{study.page()}{study.END}" in page


def test_an_edge_stays_where_the_image_has_one() -> None:
    """A Gaussian filter would blur across it; a majority needs more than half of its window."""
    images = torch.zeros(1, 3, 4, 8)
    images[..., 4:] = 1
    scores = torch.zeros(1, 2, 4, 8)
    scores[:, 0, :, :4] = scores[:, 1, :, 4:] = 3
    scores[0, :, 1, 1] = torch.tensor([0.0, 1.0])
    for change in (edge_aware(1.0, 0.1), majority(3)):
        labels = change(scores, images).argmax(1)[0]
        assert (labels == (torch.arange(8) >= 4)).all()
