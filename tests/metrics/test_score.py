"""Scores against loops over pixels."""

import math
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import segcert as sc
from segcert.errors import InputError
from segcert.metrics.score import Score, score

CLASSES = 4
PIXEL = st.tuples(
    st.integers(0, CLASSES - 1), st.booleans(), st.sampled_from([*range(CLASSES), 255])
)
PIXELS = st.lists(PIXEL, max_size=30)

Pixels = list[tuple[int, bool, int]]


def scored(pixels: Pixels) -> Score:
    labels, certified, truth = zip(*pixels, strict=True) if pixels else ((), (), ())
    return score(
        np.array(labels, np.int16), np.array(certified, bool), np.array(truth, np.uint8),
        classes=CLASSES,
    )  # fmt: skip


def share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


@given(PIXELS)
def test_every_figure_is_that_of_a_loop_over_pixels(pixels: Pixels) -> None:
    known = [(label, certified, truth) for label, certified, truth in pixels if truth != 255]
    found = scored(pixels)
    assert found.components == len(pixels)
    assert found.labelled == len(known)
    assert found.accuracy == share(sum(a == t for a, _, t in known), len(known))
    right = sum(c and a == t for a, c, t in known)
    assert found.certified_accuracy == share(right, len(known))
    assert found.abstention == 1 - share(sum(c for _, c, _ in known), len(known))
    assert found.abstention_all == 1 - share(sum(c for _, c, _ in pixels), len(pixels))
    ious = []
    for k in range(CLASSES):
        either = sum(k in (a, t) for a, _, t in known)
        if either:
            ious.append(sum(a == t == k for a, _, t in known) / either)
        for m in range(CLASSES):
            assert found.confusion[k, m] == sum((t, a) == (k, m) for a, _, t in known)
    assert found.iou[~np.isnan(found.iou)].tolist() == ious
    assert math.isclose(found.mean_iou, sum(ious) / len(ious) if ious else 0.0)


@given(PIXELS, PIXELS)
def test_adding_scores_is_scoring_both_together(one: Pixels, other: Pixels) -> None:
    added, together = asdict(scored(one).plus(scored(other))), asdict(scored(one + other))
    assert (added.pop("confusion") == together.pop("confusion")).all()
    assert added == together


@given(PIXELS, st.lists(st.tuples(st.integers(0, CLASSES - 1), st.booleans()), max_size=9))
def test_pixels_without_truth_change_only_what_counts_all(
    pixels: Pixels, unknown: list[tuple[int, bool]]
) -> None:
    found, more = scored(pixels), scored(pixels + [(a, c, 255) for a, c in unknown])
    assert more.components - found.components == len(unknown)
    assert more.certified - found.certified == sum(c for _, c in unknown)
    for name in ("accuracy", "certified_accuracy", "abstention", "mean_iou"):
        assert getattr(more, name) == getattr(found, name)


def test_certified_accuracy_needs_both() -> None:
    labels, truth = np.array([[0, 0], [1, 1]]), np.array([[0, 1], [1, 255]])
    certified = np.array([[True, True], [False, True]])
    found = score(labels, certified, truth, classes=2)
    assert found.certified_accuracy == pytest.approx(1 / 3)
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.abstention == pytest.approx(1 / 3)
    assert found.abstention_all == pytest.approx(1 / 4)


@pytest.mark.parametrize(
    ("labels", "truth", "rule"),
    [
        ([0, 1], [0, 2], "truth has class 2, the model has 2 classes"),
        ([0, 1], [0, -1], "truth has class -1"),
        ([0, 2], [0, 1], "labels has class 2"),
        ([0, -1], [0, 1], "labels has class -1"),
        ([0, 1], [0, 1, 1], r"shape \(2,\).*truth has \(3,\)"),
    ],
)
def test_what_cannot_be_compared_is_refused(labels: list[int], truth: list[int], rule: str) -> None:
    arrays = np.array(labels), np.ones(len(labels), bool), np.array(truth)
    with pytest.raises((InputError, TypeError), match=rule if len(truth) == 2 else None):
        score(*arrays, classes=2)


def test_a_certificate_is_scored_with_the_truth_alone() -> None:
    """The same figures as of its parts; a tree and a call that is neither are refused."""
    image = np.repeat(np.array([[0, 128, 255]], np.uint8)[..., None], 3, axis=2)
    model = sc.as_segmenter(
        lambda x: (x[:, 0] > 0.5).long(), classes=2, name="bright", class_names=("dark", "bright")
    )
    cert = sc.certify_image(model, image, n0=4, n=60, seed=1, device="cpu")
    truth = np.array([[0, 1, 0]], np.uint8)
    found = score(cert, truth)
    parts = score(cert.labels, cert.certified, truth, classes=2)
    assert asdict(found) | {"confusion": 0} == asdict(parts) | {"confusion": 0}
    assert (found.confusion == parts.confusion).all()
    assert (found.certified_correct, found.labelled) == (1, 3)
    with pytest.raises(InputError, match="score takes a certificate and the truth"):
        score(cert.labels, cert.certified, truth)
    tree = sc.ClassTree(("dark", "bright", "all"), (2, 2, 2))
    counts = sc.sample(model, image, noise=sc.GaussianNoise(0.25), n0=0, n=60, seed=1, device="cpu")
    with pytest.raises(InputError, match="groups of classes"):
        score(sc.certify_tree(counts, tree, tau=0.75, alpha=0.01), truth)
