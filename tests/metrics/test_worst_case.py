"""Worst cases against all labellings that an attack could reach."""

import math
from dataclasses import asdict, replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import segcert as sc
from segcert.errors import InputError
from segcert.metrics.score import score
from segcert.metrics.worst_case import WorstCase, worst_case, worst_of_labels
from segcert.stats.class_tree import ClassTree
from segcert.stats.correction import AbstractCorrection

CLASSES, ABSTAIN = 3, -1
PIXEL = st.tuples(
    st.integers(0, CLASSES - 1), st.booleans(), st.sampled_from([*range(CLASSES), 255])
)
PIXELS = st.lists(PIXEL, max_size=6)

Pixels = list[tuple[int, bool, int]]
Labelling = tuple[int, ...]


def counted(pixels: Pixels) -> WorstCase:
    labels, certified, truth = zip(*pixels, strict=True) if pixels else ((), (), ())
    return worst_of_labels(
        np.array(labels, np.int16), np.array(certified, bool), np.array(truth, np.uint8),
        classes=CLASSES,
    )  # fmt: skip


def attacks(pixels: Pixels, *, abstain: bool = False) -> list[Labelling]:
    """All labellings that keep the certified pixels."""
    free = range(ABSTAIN if abstain else 0, CLASSES)
    return list(product(*([label] if sure else free for label, sure, _ in pixels)))


def accuracy(pixels: Pixels, labels: Labelling) -> float:
    pairs = [(a, t) for a, (_, _, t) in zip(labels, pixels, strict=True) if t != 255]
    return sum(a == t for a, t in pairs) / len(pairs) if pairs else 0.0


def ious(pixels: Pixels, labels: Labelling) -> dict[int, float]:
    """IoU of the classes that occur; an abstention is no class, but misses the true one."""
    pairs = [(a, t) for a, (_, _, t) in zip(labels, pixels, strict=True) if t != 255]
    unions = {c: sum(c in pair for pair in pairs) for c in range(CLASSES)}
    return {c: sum(a == t == c for a, t in pairs) / size for c, size in unions.items() if size}


def mean(values: dict[int, float]) -> float:
    return sum(values.values()) / len(values) if values else 0.0


@settings(derandomize=True, deadline=None, max_examples=150)
@given(PIXELS)
@pytest.mark.repeats
def test_every_bound_is_that_of_all_labellings(pixels: Pixels) -> None:
    """The extremes over all attacked labellings, class by class, with and without abstention."""
    found, reached = counted(pixels), attacks(pixels)
    accuracies = [accuracy(pixels, labels) for labels in reached]
    assert math.isclose(found.accuracy, min(accuracies))
    assert math.isclose(found.best_accuracy, max(accuracies))
    tables = [ious(pixels, labels) for labels in reached]
    for c in range(CLASSES):
        mine = [table[c] for table in tables if c in table]
        if mine:
            assert math.isclose(found.iou[c], min(mine))  # bounded and attained
        else:
            assert math.isnan(found.iou[c])
        if all(c in table for table in tables):
            assert math.isclose(found.best_iou[c], max(mine))
        else:  # some attack does without the class
            assert math.isnan(found.best_iou[c])
            assert max(mine, default=0) == 0
    for table in tables:
        assert found.mean_iou <= mean(table) + 1e-12
        assert found.best_mean_iou >= mean(table) - 1e-12


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.lists(PIXEL, max_size=5))
@pytest.mark.repeats
def test_bounds_hold_if_uncertified_pixels_may_abstain(pixels: Pixels) -> None:
    found = counted(pixels)
    for labels in attacks(pixels, abstain=True):
        assert accuracy(pixels, labels) >= found.accuracy - 1e-12
        table = ious(pixels, labels)
        assert all(found.iou[c] <= iou + 1e-12 for c, iou in table.items())
        assert found.mean_iou <= mean(table) + 1e-12


@settings(derandomize=True, deadline=None, max_examples=100)
@given(PIXELS)
def test_a_deployment_that_abstains_anywhere_is_not_wrong_more_often(pixels: Pixels) -> None:
    """Certified pixels keep their class or abstain: the share of wrong classes stays bounded."""
    options = [
        (label, ABSTAIN) if sure else range(ABSTAIN, CLASSES) for label, sure, _ in pixels[:5]
    ]
    known = [t for _, _, t in pixels[:5] if t != 255]
    found = counted(pixels[:5])
    shares = [
        sum(a not in (t, ABSTAIN) for a, (_, _, t) in zip(labels, pixels, strict=False) if t != 255)
        / max(len(known), 1)
        for labels in product(*options)
    ]
    assert math.isclose(max(shares), 1 - found.accuracy if known else 0.0, abs_tol=1e-12)


@given(PIXELS, PIXELS)
def test_adding_inputs_is_counting_both_together(one: Pixels, other: Pixels) -> None:
    added, together = asdict(counted(one).plus(counted(other))), asdict(counted(one + other))
    assert all((added[name] == together[name]).all() for name in together)


@given(PIXELS, st.lists(st.tuples(st.integers(0, CLASSES - 1), st.booleans()), max_size=9))
def test_pixels_without_truth_change_nothing(
    pixels: Pixels, unknown: list[tuple[int, bool]]
) -> None:
    found, more = (
        asdict(counted(pixels)),
        asdict(counted(pixels + [(a, c, 255) for a, c in unknown])),
    )
    assert all((found[name] == more[name]).all() for name in found)


@given(PIXELS, st.permutations(range(6)))
def test_labels_of_uncertified_pixels_and_order_change_nothing(
    pixels: Pixels, order: list[int]
) -> None:
    other = [((a if c else (a + 1) % CLASSES), c, t) for a, c, t in pixels]
    shuffled = [other[i] for i in order if i < len(other)]
    found, again = asdict(counted(pixels)), asdict(counted(shuffled))
    assert all((found[name] == again[name]).all() for name in found)


@given(PIXELS)
def test_bounds_enclose_the_score_and_meet_if_all_is_certified(pixels: Pixels) -> None:
    arrays = [np.array(column) for column in zip(*pixels, strict=True)] if pixels else None
    if arrays is None:
        arrays = [np.zeros(0, int), np.zeros(0, bool), np.zeros(0, int)]
    clean, found = score(*arrays, classes=CLASSES), counted(pixels)
    assert found.accuracy == clean.certified_accuracy
    assert found.accuracy <= clean.accuracy <= found.best_accuracy
    assert found.mean_iou <= clean.mean_iou + 1e-12
    assert found.best_mean_iou >= clean.mean_iou - 1e-12
    certain = counted([(a, True, t) for a, _, t in pixels])
    assert np.array_equal(certain.iou, clean.iou, equal_nan=True)
    assert np.array_equal(certain.best_iou, clean.iou, equal_nan=True)


def test_mean_of_the_bounds_is_below_what_any_attack_reaches() -> None:
    """One uncertified pixel cannot be given to two other classes at once."""
    pixels = [(0, True, 0), (1, True, 1), (0, False, 2)]
    found = counted(pixels)
    assert found.iou == pytest.approx([1 / 2, 1 / 2, 0])
    assert found.mean_iou == pytest.approx(1 / 3)
    assert min(mean(ious(pixels, labels)) for labels in attacks(pixels)) == pytest.approx(1 / 2)


def test_nothing_labelled_scores_nothing() -> None:
    found = counted([(0, True, 255)])
    assert (found.accuracy, found.best_accuracy) == (0, 0)
    assert (found.mean_iou, found.best_mean_iou) == (0, 0)


@pytest.mark.parametrize(
    ("labels", "truth", "rule"),
    [
        ([0, 1], [0, 2], "truth has class 2, the model has 2 classes"),
        ([0, -1], [0, 1], "labels has class -1"),
    ],
)
def test_what_cannot_be_compared_is_refused(labels: list[int], truth: list[int], rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        worst_of_labels(np.array(labels), np.ones(2, bool), np.array(truth), classes=2)


def certified(correction: AbstractCorrection) -> sc.Certificate:
    """A certificate of a gradient in two classes."""
    image = np.linspace(0, 255, 60).astype(np.uint8).reshape(1, 6, 10)
    counts = sc.sample(
        sc.as_segmenter(lambda x: (x[:, 0] > 0.5).long(), classes=2), image,
        noise=sc.GaussianNoise(0.25), n0=5, n=60, seed=1, device="cpu",
    )  # fmt: skip
    return sc.certify(counts, tau=0.6, alpha=0.1, correction=correction)


def test_a_certificate_gives_its_labels_and_its_mask() -> None:
    found, truth = certified(sc.holm), np.zeros((6, 10), np.uint8)
    assert 0 < found.certified.sum() < 60
    expected = worst_of_labels(found.labels, found.certified, truth, classes=2)
    assert str(worst_case(found, truth)) == str(expected)


@pytest.mark.parametrize("correction", [sc.KFwer(4), sc.Capped(40, 2)])
def test_a_certificate_that_allows_errors_has_no_worst_case(
    correction: AbstractCorrection,
) -> None:
    """One wrong label more than the mask says would already break the bound."""
    with pytest.raises(InputError, match=r"allows \d errors: certify with a correction") as caught:
        worst_case(certified(correction), np.zeros((6, 10), np.uint8))
    assert str(correction) in str(caught.value)
    worst_case(certified(sc.KFwer(1)), np.zeros((6, 10), np.uint8))  # allows none


def test_groups_of_classes_have_no_worst_case() -> None:
    found = replace(certified(sc.holm), tree=ClassTree(("a", "b", "all"), (2, 2, 2)))
    with pytest.raises(InputError, match="groups of classes"):
        worst_case(found, np.zeros((6, 10), np.uint8))
