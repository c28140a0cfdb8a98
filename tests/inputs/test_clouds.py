"""Clouds: what is refused, what is noted, the diameter, the hash."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from segcert.data.part_numbers import (
    CATEGORIES,
    COUNTS,
    PALETTE,
    PARTS,
    category_number,
    check_category,
    check_parts,
)
from segcert.errors import InputError
from segcert.inputs import clouds
from segcert.inputs.clouds import checked_cloud, diameter

CORNERS = np.array([[0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3.0]])


def brute_force(points: np.ndarray) -> float:
    """Largest distance, pair by pair."""
    return max(math.dist(a, b) for a in points.tolist() for b in points.tolist())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"points": CORNERS[:, :2]}, r"points of it must have shape \(n, 3\), got \(4, 2\)"),
        ({"points": CORNERS[0]}, r"must have shape \(n, 3\), got \(3,\)"),
        ({"points": CORNERS.astype(str)}, "must be real numbers"),
        ({"points": CORNERS.astype(complex)}, "must be real numbers"),
        ({"points": CORNERS * [1, np.nan, 1]}, r"must be finite.*point 0 \(the first of 4\)"),
        ({"points": np.where(CORNERS == 2, np.inf, CORNERS)}, r"must be finite.*in point 2"),
        ({"points": CORNERS[:1]}, "at least 2 points, got 1"),
        ({"points": CORNERS[:0]}, "at least 2 points, got 0"),
        ({"least": 5}, "at least 5 points, got 4"),
        ({"points": np.ones((9, 3))}, r"diameter 0: all 9 points are \[1.0, 1.0, 1.0\]"),
        ({"points": CORNERS / 7 + 1e7}, "subtract a common offset"),
        ({"points": CORNERS * 1e300}, "float32 moves points"),
        ({"normals": CORNERS[:3]}, "4 points but 3 normals"),
        ({"normals": CORNERS * np.nan}, "normals of it must be finite"),
        ({"normals": CORNERS[:, :2]}, r"normals of it must have shape"),
        ({"labels": np.zeros(3, int)}, "4 points but 3 labels"),
        ({"labels": np.array([0, 1, 256, 2])}, "got 256 in point 2"),
        ({"labels": np.array([0, -2, 0, 2])}, "got -2 in point 1"),
        ({"labels": np.array([0, 0.5, 0, 2])}, r"got 0.5 in point 1 \(the first of 1\)"),
        ({"labels": np.array([0, np.nan, 0, 2])}, "got nan"),
        ({"labels": np.zeros((4, 1), int)}, "one number per point"),
        ({"labels": np.array(list("abcd"))}, "one number per point"),
    ],
)
def test_bad_arrays_are_refused_in_one_line(changed: dict[str, object], message: str) -> None:
    given = {"points": CORNERS} | changed
    with pytest.raises(InputError, match=message) as caught:
        checked_cloud("it", **given)
    assert "\n" not in str(caught.value)


def test_errors_name_the_file() -> None:
    with pytest.raises(InputError, match=r"^cloud a/b.txt has diameter 0"):
        checked_cloud("b", np.ones((3, 3)), where="cloud a/b.txt")


def test_unlabelled_points_are_255() -> None:
    cloud = checked_cloud("it", CORNERS, labels=np.array([-1, 0, 254, 255.0]))
    assert cloud.labels.tolist() == [255, 0, 254, 255]
    assert cloud.labels.dtype == np.int16
    assert cloud.points.dtype == np.float32


def test_points_on_each_other_are_kept_and_counted() -> None:
    points = np.concatenate([CORNERS, CORNERS[:2], CORNERS[:1] * -1])  # -0 is 0
    cloud = checked_cloud("it", points)
    assert len(cloud.points) == 7
    assert cloud.notes == ("3 of 7 points lie exactly on another",)
    assert checked_cloud("it", CORNERS).notes == ()


def test_normals_are_scaled_and_zeros_stay() -> None:
    normals = np.array([[0, 0, 0], [0, 0, 1], [3, 0, 4], [1e-200, 0, 0]])
    cloud = checked_cloud("it", CORNERS, normals=normals)
    expected = [[0, 0, 0], [0, 0, 1], [0.6, 0, 0.8], [1, 0, 0]]
    assert np.allclose(cloud.normals, expected, atol=1e-7)
    assert cloud.notes == (
        "2 of 4 normals were scaled to length 1",
        "1 of 4 normals are zero: unknown",
    )


def test_normals_of_length_1_are_not_touched() -> None:
    normals = np.full((4, 3), 0.577, np.float32)  # length .9994
    cloud = checked_cloud("it", CORNERS, normals=normals)
    assert cloud.normals.tobytes() == normals.tobytes()
    assert cloud.notes == ()


numbers = st.floats(-100, 100, width=32)


@settings(deadline=None)
@given(arrays(np.float32, st.tuples(st.integers(1, 12), st.just(3)), elements=numbers))
def test_diameter_is_that_of_all_pairs(points: np.ndarray) -> None:
    assert diameter(points) == pytest.approx(brute_force(points), rel=1e-12, abs=1e-30)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("offset", [0.0, 50.0])
def test_diameter_by_the_hull(monkeypatch: pytest.MonkeyPatch, rank: int, offset: float) -> None:
    """Clouds in space, in a plane and on a line, askew; and in small chunks."""
    rng = np.random.default_rng(rank)
    spread = rng.normal(size=(300, rank)) @ rng.normal(size=(rank, 3)) + offset
    points = spread.astype(np.float32)
    expected = brute_force(points[:300])
    monkeypatch.setattr(clouds, "PAIRWISE", 10)
    monkeypatch.setattr(clouds, "CHUNK", 64)
    assert diameter(points) == pytest.approx(expected, rel=1e-9)


def test_diameter_of_a_large_cloud() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (120_000, 3)).astype(np.float32)
    points[777], points[99_999] = (-2, -2, -2), (2, 2, 2)
    assert diameter(points) == pytest.approx(4 * math.sqrt(3), rel=1e-12)


def test_the_numbers_of_shapenet_part() -> None:
    """Numbers as published with the data set: 50 in all, caps have 6 and 7, mugs 36 and 37."""
    assert len(CATEGORIES) == len(COUNTS) == 16
    assert [part for parts in PARTS for part in parts] == list(range(50))
    assert PARTS[category_number("cap")] == (6, 7)
    assert PARTS[category_number("mug")] == (36, 37)
    assert PARTS[category_number("motorbike")] == (30, 31, 32, 33, 34, 35)
    assert PARTS[category_number("table")] == (47, 48, 49)
    assert len(set(PALETTE)) == 50
    assert (255, 255, 255) not in PALETTE  # white is abstention


@pytest.mark.parametrize("category", range(16))
def test_labels_outside_the_category_are_refused(category: int) -> None:
    inside = np.array([*PARTS[category], 255])
    check_parts("it", inside, category)
    outside = (PARTS[category][-1] + 1) % 50
    with pytest.raises(InputError, match=f"it has part {outside} in 2 points, but a "):
        check_parts("it", np.array([*inside, outside, outside]), category)


def test_unknown_categories_are_refused() -> None:
    with pytest.raises(InputError, match=r"one of airplane, .* got 'boat'"):
        category_number("boat")
    for number in (-1, 16, True):
        with pytest.raises(InputError, match=r"must be in 0\.\.15"):
            check_category(number)
