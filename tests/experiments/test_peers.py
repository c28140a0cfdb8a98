"""Ways of others: on the same counts they certify what segcert does; the table has their cost."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import binom

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))

from experiments.peers import one_pixel, ours, published  # noqa: E402
from experiments.peers.__main__ import OURS, ways  # noqa: E402
from experiments.peers.measure import Row, measured, measured_apart  # noqa: E402
from experiments.peers.setting import Setting  # noqa: E402
from experiments.peers.table import BEGIN, END, markdown, write_between_markers  # noqa: E402
from segcert.stats.clopper_pearson import lower_bounds  # noqa: E402

TINY = Setting((32, 48), n0=3, n=20, tau=0.5, alpha=0.5)


def fresh() -> Setting:
    """The tiny setting, with nothing booked."""
    return replace(TINY, spent={})


def test_one_hot_counts_are_counts() -> None:
    labels = np.random.default_rng(0).integers(0, 4, (7, 3, 5))
    counts = published.one_hot_counts(labels, 4)
    assert counts.shape == (3, 5, 4)
    for k in range(4):
        assert (counts[..., k] == (labels == k).sum(0)).all()


def test_the_tests_by_pixel_are_the_tail_of_the_binomial() -> None:
    hits = np.arange(21)
    found = published.tests_by_pixel(hits, n=20, tau=0.6)
    assert found == pytest.approx(binom.sf(hits - 1, 20, 0.6), rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_step_down_is_that_of_holm(seed: int) -> None:
    p_values = np.random.default_rng(seed).uniform(0, 0.1, 40) ** 2
    left, rejected = list(np.argsort(p_values)), np.zeros(40, dtype=bool)
    while left and p_values[left[0]] <= 0.05 / len(left):
        rejected[left.pop(0)] = True
    assert (published.step_down(p_values, alpha=0.05) == rejected).all()
    assert 0 < rejected.sum() < 40


def test_the_loop_over_pixels_certifies_what_segcert_does() -> None:
    """The same draws, the same tests, the same correction: nothing but the time differs."""
    fast, slow = fresh(), fresh()
    expected, found = ours.certify_ours(fast), ours.certify_by_loop(slow)
    assert (found.certified == expected.certified).all()
    assert (found.labels == expected.labels).all()
    assert 0 < expected.certified.mean() < 1
    assert fast.spent.keys() == slow.spent.keys() == {"draws", "statistics"}


def test_the_published_way_finds_nearly_the_same_with_draws_of_its_own() -> None:
    torch.manual_seed(0)
    expected, found = ours.certify_ours(fresh()), published.certify(fresh())
    both = expected.certified & found.certified
    assert (expected.labels == found.labels)[both].mean() > 0.99
    assert found.certified.mean() == pytest.approx(expected.certified.mean(), abs=0.1)


def test_noise_of_the_published_way_is_independent_within_a_batch() -> None:
    seen: list[torch.Tensor] = []

    def network(noisy: torch.Tensor) -> torch.Tensor:
        seen.append(noisy)
        return torch.zeros(len(noisy), 2, 2, 2)

    image = torch.full((3, 8, 8), 0.5)
    labels = published.drawn_labels(network, image, fresh(), 6)
    assert labels.shape == (6, 8, 8)
    copies = torch.cat(seen)
    assert len(copies.flatten(1).unique(dim=0)) == 6
    assert float((copies - 0.5).std()) == pytest.approx(TINY.sigma, rel=0.1)


def test_one_pixel_is_certified_at_its_share_of_alpha(monkeypatch: pytest.MonkeyPatch) -> None:
    levels: list[float] = []
    usual = one_pixel.lower_bound
    monkeypatch.setattr(
        one_pixel, "lower_bound", lambda k, n, a: levels.append(a) or usual(k, n, a)
    )
    found = one_pixel.certify_one(fresh())
    assert found.labels.shape == found.certified.shape == (1,)
    assert levels == [TINY.alpha / (32 * 48)]


def test_the_bound_of_one_pixel_is_that_of_clopper_and_pearson() -> None:
    expected = lower_bounds(30, level=1e-4)
    found = [one_pixel.lower_bound(hits, 30, 1e-4) for hits in range(31)]
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-12)
    assert one_pixel.radius(0.5, TINY) == 0
    assert one_pixel.radius(0.75, TINY) == pytest.approx(0.25 * 0.674490, rel=1e-5)


def test_the_classifier_of_one_pixel_gives_the_middle() -> None:
    scores = torch.arange(2 * 3 * 5 * 7).reshape(2, 3, 5, 7).float()
    found = one_pixel.OnePixel(torch.nn.Identity())(scores)
    assert (found == scores[:, :, 2, 3]).all()


@pytest.mark.skipif(not one_pixel.art_is_installed(), reason="the toolbox is not installed")
def test_the_toolbox_answers_for_one_pixel() -> None:
    found = one_pixel.certify_by_art(fresh())
    assert found.certified.shape == (1,)


def test_a_row_says_what_was_spent_and_found() -> None:
    row = measured(OURS, ways()[OURS], fresh())
    assert row.answered == 32 * 48
    assert 0 < row.certified < row.answered
    assert row.seconds == row.draws + row.statistics > 0


def row(name: str, statistics: float = 0.5, answered: int = 1000, certified: int = 400) -> Row:
    """A row as if measured."""
    return Row(name, 1.5, statistics, 3 * 2**20, answered, certified)


def test_the_table_compares_with_ours_and_says_what_whole_images_take() -> None:
    setting = Setting((10, 100))
    text = markdown(
        [row("ours"), row("loop", 20.0), row("one", 0.5, 1, 1), row("other", 0.5, 1, 0)],
        setting, ours="ours",
    )  # fmt: skip
    assert "| ours | 1.5 | 0.5 | 1.00 | 3 | 40.0% |" in text
    assert "| loop | 1.5 | 20.0 | 10.75 | 3 | 40.0% |" in text
    assert "| one | 1.5 | 0.5 | 1.00 | 3 | this pixel |" in text
    assert "| other | 1.5 | 0.5 | 1.00 | 3 | not this pixel |" in text
    assert "- one: repeated for each of 1,000 pixels, 0.0 days." in text
    assert (
        f"loop: the statistics alone take 40 times those of ours, {20 * 1024**2 / 1000:.0f} s"
        in text
    )


def test_the_page_has_the_table_between_its_markers(tmp_path: Path) -> None:
    page = (ROOT / "docs/comparison.md").read_text(encoding="utf-8")
    block = page.partition(BEGIN)[2].partition(END)[0]
    for name in ways():
        assert f"| {name} |" in block
    path = tmp_path / "page.md"
    path.write_text(f"a {BEGIN} old {END} b")
    write_between_markers(path, "new")
    assert path.read_text() == f"a {BEGIN}\n\nnew\n\n{END} b"
    path.write_text("nothing")
    with pytest.raises(ValueError, match="needs the lines"):
        write_between_markers(path, "new")


@pytest.mark.slow
def test_a_way_is_measured_in_a_process_of_its_own() -> None:
    found = measured_apart(OURS, ways()[OURS], fresh())
    assert found.memory > 0
    assert found.certified == measured(OURS, ways()[OURS], fresh()).certified
