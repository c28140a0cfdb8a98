"""Every Python snippet of the pages runs, page by page, in a folder with what it names."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from doc_blocks import PAGES, ROOT, Block, blocks
from foreign_models import tiny
from torch import Tensor

import segcert as sc

NEEDS = {"docs/backends.md": ("openvino", "nncf")}  # and are slow: an int8 network is made


def python_of(page: Path) -> list[Block]:
    """The Python blocks of a page."""
    return [block for block in blocks(page) if block.language == "python"]


def names() -> dict[str, Any]:
    """What pages take as given: a model and an image."""
    net = tiny()
    return {
        "sc": sc,
        "torch": torch,
        "model": net,
        "net": net,
        "segmenter": sc.as_segmenter(net),
        "image": np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8),
        "mean": (0.5, 0.5, 0.5),
        "std": (0.5, 0.5, 0.5),
        "denoiser": unchanged,
    }


def unchanged(batch: Tensor) -> Tensor:
    """A denoiser that does nothing."""
    return batch


def run(page: list[Block], given: dict[str, Any]) -> None:
    """Run the blocks of a page, one after the other, as a reader would."""
    for block in page:
        exec(compile(block.text, str(block), "exec"), given)


@pytest.fixture
def shipped_for_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped network of clouds stands for the checkpoint that pages name."""
    opened = sc.open_point_model

    def shapes(_: str, options: sc.PointOptions) -> sc.PointSegmenter:
        return opened("shapes", options)

    monkeypatch.setattr(sc, "open_point_model", shapes, raising=False)


@pytest.mark.usefixtures("hugging_face", "shipped_for_checkpoint")
@pytest.mark.parametrize(
    "page",
    [
        pytest.param(
            page,
            id=page.relative_to(ROOT).as_posix(),
            marks=[pytest.mark.slow] if page.relative_to(ROOT).as_posix() in NEEDS else [],
        )
        for page in PAGES
        if python_of(page)
    ],
)
def test_snippets_run(page: Path) -> None:
    for package in NEEDS.get(page.relative_to(ROOT).as_posix(), ()):
        pytest.importorskip(package, reason=f"{package} is not installed")
    with torch.random.fork_rng():
        run(python_of(page), names())


@pytest.mark.usefixtures("hugging_face")
def test_the_readme_leaves_a_certificate_that_proves_itself() -> None:
    with torch.random.fork_rng():
        run(python_of(ROOT / "README.md"), names())
    assert sc.load_certificate("result").labels.shape == (48, 64)
    assert Path("certified.png").stat().st_size > 1000


def test_a_snippet_that_fails_is_seen() -> None:
    with pytest.raises(TypeError, match="sigmas"):
        run([Block("page", 1, "python", "sc.certify_image(model, image, sigmas=1)")], names())
