"""The GPU study, on the CPU with tiny sizes."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))

from experiments.gpu import __main__ as study  # noqa: E402
from experiments.gpu import checks, measure, rows  # noqa: E402
from experiments.gpu.dual_resolution import DualResolution  # noqa: E402
from experiments.gpu.graph import Draws  # noqa: E402
from segcert.models.wrapping import as_segmenter  # noqa: E402

TINY = rows.Sizes(
    width=4, narrow=4, image=(64, 128), checked=(32, 32), draws=(1, 1), few=(1, 1), points=512,
    scales=("1", "0.5"), clouds=(1,), repeats=1,
)  # fmt: skip


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A convolution of nothing, and few draws to check."""
    monkeypatch.setattr(measure, "REPEATS", 1)
    monkeypatch.setattr(measure, "CHANNELS", 4)
    monkeypatch.setattr(checks, "CHECKED_DRAWS", 2)


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_everything_is_checked_timed_and_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "Compiled", lambda net, **_: net)  # minutes of a compiler
    assert study.run(tmp_path, "cpu", TINY, budget=1e9)
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert len(found["checks"]) == 5
    assert all(check["passed"] for check in found["checks"])
    assert found["left out for want of time"] == []
    assert [row["paper"] for row in found["rows"]] == [92.8, 0, 0, 0, 0, 0, 0, 0, 75.6, 0]
    assert all(row["seconds"] > 0 for row in found["rows"])
    table = (tmp_path / "gpu.md").read_text()
    assert table.count("| passed |") == 5
    assert table.count("\n| HRNetV2-W4 128x64") == 6
    assert table.count("\n| dual-resolution net 128x64 |") == 3


@pytest.mark.usefixtures("quick")
def test_rows_without_time_are_named_and_the_checks_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    passed = checks.Check("noise", "0 of 2 draws differ", passed=True)
    monkeypatch.setattr(study, "checks", lambda *_, **__: [passed])
    assert study.run(tmp_path, "cpu", TINY, budget=0)
    found = json.loads((tmp_path / "gpu.json").read_text())
    assert found["rows"] == []
    assert len(found["left out for want of time"]) == 10
    assert [one["name"] for one in found["checks"]] == ["noise"]
    assert "HRNetV2-W4" in (tmp_path / "gpu.md").read_text().split("Left out")[1]


def test_a_row_that_fails_does_not_take_the_others_along(tmp_path: Path) -> None:
    record = study.Record(tmp_path, "cpu")

    def fail() -> measure.Row:
        raise RuntimeError("no such kernel")

    def measured() -> measure.Row:
        return measure.Row("net", "TF32", 1, 1.0)

    for work in (rows.Work("first", 0, fail), rows.Work("second", 0, measured)):
        study.measure(work, record, float("inf"))
    assert record.left_out == ["first (RuntimeError: no such kernel)"]
    assert [row.name for row in record.rows] == ["net"]


@pytest.mark.slow
def test_a_real_time_network_of_the_class_that_is_named() -> None:
    """5.7 M parameters and 36.3 G multiplications at 2048x1024, as the paper's Table 1 has it."""
    with torch.device("meta"):
        net = DualResolution(19).eval()
        scores = net(torch.empty(1, 3, 1024, 2048))
    assert scores.shape == (1, 19, 128, 256)
    assert 5.6e6 < sum(weight.numel() for weight in net.parameters()) < 5.8e6
    with measure.FlopCounterMode(display=False) as counter:
        net(torch.empty(1, 3, 1024, 2048, device="meta"))
    assert 36e9 < counter.get_total_flops() / 2 < 37e9


def test_operations_by_hand() -> None:
    """A 1x1 convolution from 3 to 5 channels: 2 * 15 a pixel."""
    segmenter = as_segmenter(nn.Conv2d(3, 5, 1).eval())
    assert measure.operations(segmenter, (8, 10), "cpu") == 2 * 15 * 80
    row = measure.Row("net", "TF32", 10, 2.0, operations=2 * 15 * 80)
    assert row.share(rate=12_000.0) == 1.0


def test_the_graph_counts_what_it_draws() -> None:
    """Two scores: the value and one minus it; .9 stays above .5 in Phi(.4/.25) = .945 of draws."""

    class Threshold(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.stack([x[:, 0], 1 - x[:, 0]], 1)

    torch.manual_seed(0)
    image = torch.full((1, 40, 50), 230, dtype=torch.uint8)
    draws = Draws(Threshold(), image, sigma=0.25)
    draws.guess = torch.zeros(40, 50, dtype=torch.int64)
    share = draws.count(20).float().mean().item() / 20
    assert abs(share - 0.945) < 5 * (0.945 * 0.055 / 40_000) ** 0.5


@pytest.mark.usefixtures("quick")
def test_counts_of_another_network_are_not_taken_for_ties(monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison sees a device that computes something else: here, labels turned around."""
    signs = iter((1.0, -1.0))

    def scored(factor: float) -> nn.Module:
        net = nn.Conv2d(3, 2, 1, bias=False).eval()
        net.weight.data = factor * torch.tensor([[1.0, 0, 0], [0, 1, 0]])[:, :, None, None]
        return net

    drawn: Callable[..., object] = checks.drawn
    monkeypatch.setattr(
        checks, "drawn", lambda _, *given, **options: drawn(scored(next(signs)), *given, **options)
    )
    prints, share = checks.differences(scored(1.0), (32, 32), device="cpu")
    assert prints == 0
    assert share > checks.MOST_DIFFERENT


def test_it_runs_from_a_tree_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing between input and certificate asks for the installed package's version."""
    import importlib.metadata

    real = importlib.metadata.version

    def version(name: str) -> str:
        if name == "segcert":
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)
    segmenter = as_segmenter(nn.Conv2d(3, 5, 1).eval())
    row = measure.time_image(
        segmenter, (32, 32), (1, 60), device="cpu", name="net", settings="TF32", flops=False
    )
    assert row.draws == 61


def test_without_a_card_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit, match="no CUDA device"):
        study.main(out=tmp_path)
