"""Regions: partitions, worst components, and the error of intersection-union tests."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joint_laws import by, worst_false_rejections
from scipy.stats import binom

from segcert.errors import InputError
from segcert.stats.binomial import tails
from segcert.stats.bonferroni import bonferroni
from segcert.stats.capped import Capped
from segcert.stats.correction import AbstractCorrection
from segcert.stats.holm import holm
from segcert.stats.k_fwer import KFwer
from segcert.stats.ordered import Ordered
from segcert.stats.promise import promise_of_ratio
from segcert.stats.regions import GRADES, Blocks, grades, renumbered, worst

pytestmark = pytest.mark.repeats

ALPHA, SURE = 0.1, 1e-12
reproducible = settings(derandomize=True, deadline=None)


def key(place: tuple[int, ...], side: int) -> tuple[int, ...]:
    """The block of a component, by division."""
    return tuple(i // side for i in place)


@reproducible
@given(st.lists(st.integers(1, 9), min_size=1, max_size=3), st.integers(1, 5), st.integers(0, 99))
def test_a_region_is_one_block_one_class_and_one_grade(
    shape: list[int], side: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, shape).astype(np.int16)
    promise = rng.integers(2**15 - 2**11, 2**15 + 2**14, shape).astype(np.uint16)
    blocks, size = Blocks(side), tuple(shape)
    cases = [
        (blocks.partition(size), lambda place: key(place, side)),
        (
            blocks.partition(size, labels=labels),
            lambda place: (key(place, side), labels[place]),
        ),
        (
            blocks.partition(size, labels=labels, promise=promise),
            lambda place: (
                key(place, side),
                labels[place],
                sum(int(promise[place]) >= limit for limit in GRADES),
            ),
        ),
    ]
    for region, rule in cases:
        assert region.shape == size  # every component is in exactly one region
        keys = defaultdict(set)
        for place in np.ndindex(*size):
            keys[int(region[place])].add(rule(place))
        assert all(len(found) == 1 for found in keys.values())
        assert len(keys) == len(set.union(*keys.values()))  # and no block is two regions
        assert len(keys) >= blocks.fewest(size)
    assert len(np.unique(cases[0][0])) == blocks.fewest(size)


def test_blocks_by_hand() -> None:
    assert Blocks(2).partition((3, 5)).tolist() == [
        [0, 0, 1, 1, 2],
        [0, 0, 1, 1, 2],
        [3, 3, 4, 4, 5],
    ]
    assert Blocks(2).fewest((3, 5)) == 6
    assert Blocks(9).fewest((3, 5)) == 1
    assert Blocks(1).fewest((3, 5)) == 15
    assert Blocks(4).partition((6,)).tolist() == [0, 0, 0, 0, 1, 1]


def test_doubtful_components_have_regions_of_their_own() -> None:
    ratios = [-3.0, -0.001, 0.0, 0.999, 1.0, 1.5, 2.0, 3.0, 4.0, 5.9, 6.0, 15.0]
    promise = np.array([promise_of_ratio(ratio) for ratio in ratios], dtype=np.uint16)
    assert grades(promise).tolist() == [0, 0, 1, 1, 2, 2, 3, 4, 5, 5, 6, 6]
    assert promise_of_ratio(2.0) in GRADES


@pytest.mark.parametrize("side", [0, -2, 2**31, 2**64])
def test_side_is_positive(side: int) -> None:
    with pytest.raises(
        InputError, match=f"side of blocks must be an integer in 1..2147483647, got {side}"
    ):
        Blocks(side)


@reproducible
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 100)), max_size=40), st.integers(6, 9))
def test_worst_is_the_smallest_of_each_region(pairs: list[tuple[int, int]], regions: int) -> None:
    region = np.array([some for some, _ in pairs], dtype=np.int64)
    for dtype in (np.int32, np.uint16):
        values = np.array([value for _, value in pairs], dtype=dtype)
        expected = [
            min((value for some, value in pairs if some == r), default=np.iinfo(dtype).max)
            for r in range(regions)
        ]
        found = worst(values, region, regions)
        assert found.tolist() == expected
        assert found.dtype == dtype


EDGES = [0, 1, -1, 2**31, -(2**31), 2**63 - 1, -(2**63), 2**63 - 2, 10**12]


@reproducible
@given(st.lists(st.sampled_from(EDGES) | st.integers(-20, 20), max_size=30))
def test_new_numbers_have_no_gap_and_the_old_order(numbers: list[int]) -> None:
    found, regions = renumbered(np.array(numbers, dtype=np.int64))
    names = sorted(set(numbers))
    assert found.tolist() == [names.index(number) for number in numbers]
    assert regions == len(names)
    assert found.dtype == np.int64


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint64])
def test_new_numbers_for_integers_of_all_sizes(dtype: type) -> None:
    """The difference of the largest and smallest int8 is no int8."""
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    found, regions = renumbered(np.array([high, low, high - 1, low], dtype=dtype))
    assert found.tolist() == [2, 0, 1, 0]
    assert regions == 3
    found, regions = renumbered(np.array([high, high - 5, high], dtype=dtype))
    assert (found.tolist(), regions) == ([1, 0, 1], 2)


def test_far_numbers_take_no_memory() -> None:
    """Numbers 2^40 apart: a table of all of them would hold a terabyte."""
    found, regions = renumbered(np.array([2**40, 0, 2**40], dtype=np.int64))
    assert (found.tolist(), regions) == ([1, 0, 1], 2)


REGIONS = np.array([0, 0, 1, 1, 2])  # of five components


def by_regions(correction: AbstractCorrection, table: np.ndarray, *, best: bool = False) -> object:
    """Certify components by regions: which are."""
    promise = np.array([3, 2, 1], dtype=np.uint16)
    reject = by(correction, table, ALPHA, promise)

    def certify(counts: np.ndarray) -> np.ndarray:
        regions = int(REGIONS.max()) + 1
        some = worst(-counts, REGIONS, regions) * -1 if best else worst(counts, REGIONS, regions)
        return reject(some)[REGIONS]

    return certify


@pytest.mark.parametrize(
    "correction",
    [holm, bonferroni, Capped(1, reserve=0.2), Ordered(1, reserve=0.2), Ordered(2, reserve=0)],
    ids=str,
)
@pytest.mark.parametrize("nulls", [[0], [0, 2], [0, 1, 2], [0, 2, 4], [1, 2, 3, 4]])
@pytest.mark.sampled
def test_no_dependence_exceeds_alpha(correction: AbstractCorrection, nulls: list[int]) -> None:
    """Over all joint laws of the null components, beside components that surely pass."""
    levels = {ALPHA / i for i in (1, 2, 3)} | {0.8 * ALPHA / i for i in (1, 2)} | {0.2 * ALPHA / 2}
    table = np.array(sorted({1.0, SURE, *levels}, reverse=True))
    others = {place: len(table) - 1 for place in range(5) if place not in nulls}
    found = worst_false_rejections(
        by_regions(correction, table), table, nulls=nulls, others=others, more_than=0
    )
    assert 0 < found <= ALPHA + 1e-9


@pytest.mark.parametrize("correction", [holm, Ordered(2, reserve=0)], ids=str)
def test_one_false_component_in_each_region_is_the_worst_case(
    correction: AbstractCorrection,
) -> None:
    """Beside components that surely pass the bound is reached."""
    table = np.array(sorted({1.0, ALPHA / 2, ALPHA / 3, SURE}, reverse=True))
    others = {1: len(table) - 1, 3: len(table) - 1}
    found = worst_false_rejections(
        by_regions(correction, table), table, nulls=[0, 2, 4], others=others, more_than=0
    )
    assert found == pytest.approx(ALPHA)


def test_the_best_component_in_place_of_the_worst_breaks_the_guarantee() -> None:
    table = np.array([1.0, ALPHA / 3, SURE])
    given_tests = {"nulls": [0, 2], "others": {1: 2, 3: 2, 4: 2}, "more_than": 0}
    found = worst_false_rejections(by_regions(holm, table, best=True), table, **given_tests)
    assert found == pytest.approx(1.0)


def test_one_false_region_is_more_than_one_false_component() -> None:
    """Why a statement that allows errors has to count regions, not components."""
    table = np.array([1.0, 2 * ALPHA / 3, SURE])
    given_tests = {"nulls": [0, 1, 2, 3, 4], "others": {}}
    certify = by_regions(KFwer(2), table)
    found = worst_false_rejections(certify, table, **given_tests, more_than=1)
    assert found > ALPHA  # two wrong components, though k - 1 = 1


FALSE_ALARM, REPETITIONS, SIDE, TAU, N = 1e-6, 4000, 3, 0.7, 60


def dependent_hits(rng: np.random.Generator, share: float) -> np.ndarray:
    """Counts of (REPETITIONS, 6 regions, 3 components), each Bin(N, TAU): common draws in part."""
    size = (REPETITIONS, 6, SIDE)
    hits = np.zeros(size, dtype=np.int64)
    for _ in range(N):
        common = rng.random((REPETITIONS, 1, 1))
        own = rng.random(size)
        uniform = np.where(rng.random((REPETITIONS, 1, 1)) < share, common, own)
        hits += uniform < TAU
    return hits


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_error_of_dependent_components(share: float) -> None:
    """Six regions of one null and two sure components: at most alpha of the images err.

    Detected: the best component decides; the level is not divided by the number of regions.
    """
    most = int(binom.isf(FALSE_ALARM, REPETITIONS, ALPHA))
    hits = dependent_hits(np.random.default_rng(5), share)
    hits[:, :, 1:] = N  # sure: that null errs whenever its own count is large
    table = tails(N, TAU)
    region = np.repeat(np.arange(6), SIDE)

    def errors(level_of: AbstractCorrection, alpha: float, *, best: bool) -> int:
        wrong = 0
        for image in hits:
            least = (image.max(1) if best else worst(image.ravel(), region, 6)).astype(np.int64)
            wrong += bool(by(level_of, table, alpha)(least).any())
        return wrong

    assert 0 < errors(holm, ALPHA, best=False) <= most
    assert errors(holm, ALPHA, best=True) == REPETITIONS  # power
    if share == 0:  # fully dependent components hide an undivided level
        assert errors(bonferroni, 6 * ALPHA, best=False) > most  # power
