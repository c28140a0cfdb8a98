"""The GPU study, on the CPU with tiny sizes."""

import json
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))

from experiments.gpu import __main__ as study  # noqa: E402
from experiments.gpu import measure  # noqa: E402
from segcert.models.wrapping import as_segmenter  # noqa: E402

TINY = study.Sizes(
    width=4, image=(64, 96), checked=(32, 32), draws=(1, 1), points=512, scales=("0.5", "1"),
    clouds=(1,),
)  # fmt: skip


@pytest.mark.slow
def test_everything_is_checked_timed_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measure, "REPEATS", 1)
    monkeypatch.setattr(measure, "CHANNELS", 16)
    monkeypatch.setattr(measure, "CHECKED_DRAWS", 1)
    certified: list[int] = []  # so few draws prove nothing, and `certify` says so
    monkeypatch.setattr(measure, "certify", lambda counts, **_: certified.append(counts.n))
    assert study.run(tmp_path, "cpu", TINY)
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert found[study.DIFFERENT] == 0
    assert [row["draws"] for row in found["rows"]] == [2, 2, 2]
    assert certified == [1, 1, 1]
    assert [row["paper"] for row in found["rows"]] == [75.6, 92.8, 0]
    assert all(row["seconds"] > 0 for row in found["rows"])
    assert 0 < found["rows"][0]["bound"] < found["rows"][1]["bound"]
    table = (tmp_path / "gpu.md").read_text()
    assert table.count("\n| HRNetV2 96x64") == 2
    assert "PointNet++, 512 points, n = 1" in table


def test_operations_by_hand() -> None:
    """A 1x1 convolution from 3 to 5 channels: 2 * 15 a pixel."""
    segmenter = as_segmenter(nn.Conv2d(3, 5, 1).eval())
    assert measure.operations(segmenter, (8, 10), "cpu") == 2 * 15 * 80


def test_counts_of_another_network_are_not_taken_for_ties(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison sees a device that computes something else: here, labels turned around."""
    sign = iter((1.0, -1.0))

    def other(*arguments: object, **options: object) -> object:
        factor = next(sign)
        monkeypatch.setattr(measure, "as_segmenter", lambda _: as_segmenter(scored(factor)))
        return make_task(as_segmenter(scored(factor)), *arguments[1:], **options)  # type: ignore[arg-type]

    def scored(factor: float) -> nn.Module:
        net = nn.Conv2d(3, 2, 1, bias=False).eval()
        net.weight.data = factor * torch.tensor([[1.0, 0, 0], [0, 1, 0]])[:, :, None, None]
        return net

    make_task = measure.make_task
    monkeypatch.setattr(measure, "make_task", other)
    share = measure.differing_share(scored(1.0), (32, 32), device="cpu")
    assert share > study.MOST_DIFFERENT
