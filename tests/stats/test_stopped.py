"""Every correction under every way of stopping: exact against the worst law and the worst time."""

from functools import lru_cache
from itertools import product
from typing import get_args

import numpy as np
import pytest
from stopping_laws import extreme_laws, worst_error

from segcert.stats.capped import Capped
from segcert.stats.correction import AbstractCorrection, Evidence
from segcert.stats.correction_names import corrections
from segcert.stats.holm import holm
from segcert.stats.k_fwer import KFwer
from segcert.stats.levels import Levels, levels
from segcert.stats.looks import Looks
from segcert.stats.ordered import Ordered
from segcert.stats.sequential import Anytime, Sequential

NULLS, MOST, TAU, ALPHA = 3, 7, 0.6, 0.5
OF_EACH: dict[str, tuple[AbstractCorrection, ...]] = {
    "holm": (holm,),
    "bonferroni": (corrections()["bonferroni"](),),
    "k-fwer": (KFwer(2),),
    "capped": (Capped(1), Capped(2, k=2)),
    "ordered": (Ordered(), Ordered(2), Ordered(3), Ordered(2, reserve=0.5)),
}
WAYS: dict[type, Sequential] = {Looks: Looks((4, MOST)), Anytime: Anytime(MOST, every=1)}


def worst(
    correction: AbstractCorrection, way: Sequential, *, snapped: bool = False, tau: float = TAU
) -> float:
    """Largest error over laws and times, as a share of alpha.

    Args:
        correction: The procedure.
        way: How it may stop.
        snapped: Whether it takes levels from the table of the final count, as if n were fixed.
        tau: Threshold, and probability of every null in each draw.
    """

    @lru_cache
    def given(n: int) -> Levels:
        return levels(NULLS, n, tau=tau, alpha=ALPHA, pilot=True, sequential=way)

    def wrong(n: int, hits: np.ndarray) -> bool:
        if n not in way.at or given(n).p_values[hits.max()] > given(n).alpha:
            return False  # no level is above this one
        evidence = Evidence(
            given(n).p_values,
            np.bincount(hits, minlength=n + 1).astype(np.int64),
            hits,
            np.array([50_000, 45_000, 40_000], dtype=np.uint16),
            any_time=given(n).any_time and not snapped,
        )
        rejected = correction.decide(evidence, alpha=given(n).alpha).mask(hits)
        return int(rejected.sum()) > correction.errors_allowed

    return worst_error(wrong, nulls=NULLS, most=MOST, tau=tau) / ALPHA


def test_the_table_holds_every_correction_and_every_way_of_stopping() -> None:
    assert set(OF_EACH) == set(corrections())
    assert {type(one).name for several in OF_EACH.values() for one in several} == set(corrections())
    assert set(WAYS) == set(get_args(Sequential))


@pytest.mark.parametrize("way", get_args(Sequential))
@pytest.mark.parametrize("name", corrections())
def test_no_law_and_no_time_exceed_alpha(name: str, way: type) -> None:
    for correction in OF_EACH[name]:
        share = worst(correction, WAYS[way])
        assert 0.05 < share <= 1 + 1e-9  # a test that rejects nothing would pass the second


@pytest.mark.repeats
def test_an_order_at_any_time_leaves_a_part_of_alpha() -> None:
    """Levels fixed by the pilot: at most 0.85 alpha in these cases."""
    assert max(worst(one, WAYS[Anytime]) for one in OF_EACH["ordered"][:3]) <= 0.85


def test_a_level_from_the_table_of_the_final_count_breaks_alpha() -> None:
    """The mild level that the draws choose by when they stop: 1.08 alpha with three nulls."""
    assert worst(Ordered(), WAYS[Anytime], snapped=True) > 1.05


def test_fixed_n_p_values_at_every_draw_break_alpha() -> None:
    """The adversary of these tests sees the oldest defect."""

    def wrong(n: int, hits: np.ndarray) -> bool:
        given = levels(NULLS, n, tau=TAU, alpha=ALPHA, pilot=True) if n else None
        return given is not None and bool(given.p_values[hits.max()] <= ALPHA / NULLS)

    assert worst_error(wrong, nulls=NULLS, most=MOST, tau=TAU) > ALPHA


@pytest.mark.parametrize("nulls", [1, 2, 3])
def test_extreme_laws_have_the_right_margins(nulls: int) -> None:
    coins = np.array(list(product((0, 1), repeat=nulls)))
    laws = extreme_laws(nulls, TAU)
    assert np.allclose(laws @ coins, TAU)
    assert np.allclose(laws.sum(1), 1)
    assert (laws >= 0).all()
    assert len(laws) >= nulls


def test_one_null_needs_no_law() -> None:
    """Brute force over all paths of a single null gives the same as the programme."""

    def wrong(n: int, hits: np.ndarray) -> bool:
        return n >= 3 and int(hits[0]) == n

    assert worst_error(wrong, nulls=1, most=5, tau=TAU) == pytest.approx(TAU**3)
