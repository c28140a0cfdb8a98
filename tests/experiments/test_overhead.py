"""The benchmark of sampling: its baselines make the passes of `sample`, and it writes its page."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from torch import Tensor, nn

from segcert.models.wrapping import as_segmenter

sys.path.append(str(Path(__file__).parents[2]))  # benchmarks are no part of the package

from benchmarks import overhead
from benchmarks.overhead import BEGIN, BESIDE, BY_HAND, END, LOOP, SAMPLE, Case
from benchmarks.timing import Timing


class Counting(nn.Module):
    """Counts the draws that pass it."""

    passed = 0

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Conv2d(3, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        Counting.passed += len(x)
        found: Tensor = self.net(x)
        return found


@pytest.fixture
def case() -> Case:
    return Case("tiny", as_segmenter(Counting().eval()), (40, 48), 2, 7, 1.0, 1.15)


def test_every_baseline_makes_the_passes_of_sample(case: Case) -> None:
    net, given = case.segmenter.model, overhead.batches(case)
    ways: list[Callable[[], object]] = [
        lambda: overhead.draw(case),
        lambda: overhead.plain_loop(net, given),
        lambda: overhead.bare_side_by_side([net], given),
        lambda: overhead.loop_by_hand(case, 4),
    ]
    for way in ways:
        Counting.passed = 0
        way()
        assert Counting.passed == case.draws


def test_the_page_gets_its_tables_between_its_marks(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = {LOOP: (2.0, 2.0, 4.0), BESIDE: (1.0, 1.0, 1.0), BY_HAND: (3.0,) * 3,
               SAMPLE: (1.2, 1.1, 1.3)}  # fmt: skip
    times = {name: Timing(name, found) for name, found in seconds.items()}
    monkeypatch.setattr(overhead, "cases", lambda: [case])
    monkeypatch.setattr(overhead, "measured", lambda *_: times)
    monkeypatch.setattr(overhead, "beside_others", lambda _: "beside")
    monkeypatch.setattr(overhead, "memory", lambda: "memory")
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    overhead.main(write=page)
    text = page.read_text()
    assert text.startswith(f"before\n{BEGIN}\n")
    assert text.endswith(f"\n{END}\nafter\n")
    assert "old" not in text
    assert (
        "| tiny, 48x40, 2 + 7 | 0.55 (0.33 to 0.60) | 1.00 | 1.20 (1.10 to 1.30) | "
        "1.15, **missed** |"
    ) in text
    assert "\n\n| model" in text
    assert text.count("\n\nbeside\n\nmemory\n") == 1
