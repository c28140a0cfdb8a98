"""Procedural shapes: deterministic, on their surfaces, uniform by area, labelled as made."""

import hashlib
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2, ncx2

from segcert.data.drawn_shapes import FIRST_TEST_SHAPE, NAMES, Shapes
from segcert.data.part_numbers import CATEGORIES, PALETTE, PARTS
from segcert.errors import InputError
from segcert_scenes import shapes
from segcert_scenes.shapes.surfaces import Cone, Ring, Surface, Triangles, Zone

FALSE_ALARM = 1e-6
GOLDEN = [
    "b001d2b6d90799a752f4237274babf1c8c90e96d02ecf887a366fbc56487a2d6",
    "439796553203ed94c13c5978f1397d6f38cc69244486130b1b31f6995db26f81",
    "4e07d3613c4abf039dc3092a5c2a9819aa99ba96568cf839915b4ef53f8f2631",
    "cffa40514eaea667c919135eb1a4fc78e7c829cda795762d1ca62c77b039a698",
]
ON = 1e-6  # how far float32 may take a point of size 1.6 off its surface


def digest(index: int, seed: int = 0) -> str:
    """Hash a shape, to four decimals."""
    cloud = shapes.shape(index, seed=seed, points=64)
    rows = np.column_stack([cloud.points, cloud.normals, cloud.labels])
    return hashlib.sha256((np.round(rows, 4) + 0.0).tobytes()).hexdigest()


def off_surface(surface: Surface, points: np.ndarray) -> np.ndarray:
    """Measure how far points are from a surface by its equation, not by its parameters."""
    if isinstance(surface, Triangles):
        return np.min([off_triangle(corners, points) for corners in surface.corners], axis=0)
    local = points - np.array(surface.centre)
    if isinstance(surface, Zone):
        along = local @ np.array(surface.axis) / surface.radius
        outside = np.maximum(np.maximum(surface.low - along, along - surface.high), 0)
        return np.abs(np.linalg.norm(local, axis=1) - surface.radius) + outside
    along = local @ np.array(surface.axis)
    across = np.linalg.norm(local - np.outer(along, surface.axis), axis=1)
    if isinstance(surface, Ring):
        return np.abs(np.hypot(across - surface.radius, along) - surface.tube)
    line = np.array([surface.top - surface.bottom, surface.height])
    step = np.stack([across - surface.bottom, along], 1)
    part = np.clip(step @ line / (line @ line), 0, 1)
    return np.linalg.norm(step - np.outer(part, line), axis=1)


def off_triangle(corners: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Distance from the plane, and outside the triangle by barycentric coordinates."""
    a, b, c = corners
    basis = np.stack([b - a, c - a, np.cross(b - a, c - a)], 1)
    s, t, off = np.linalg.solve(basis, (points - a).T)
    outside = np.maximum.reduce([-s, -t, s + t - 1, np.zeros_like(s)])
    return np.abs(off) * np.linalg.norm(basis[:, 2]) + outside * np.ptp(corners, axis=0).max()


@pytest.fixture(scope="module")
def examples() -> list[int]:
    return list(range(48))


def test_same_arguments_give_the_same_shape_in_any_process() -> None:
    before = digest(3)
    digest(4)
    code = """
import hashlib, numpy as np
from segcert_scenes import shapes
cloud = shapes.shape(3, points=64)
rows = np.column_stack([cloud.points, cloud.normals, cloud.labels])
print(hashlib.sha256((np.round(rows, 4) + 0.0).tobytes()).hexdigest())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert digest(3) == before == done.stdout.strip()
    assert len({digest(0), digest(1), digest(2), digest(0, 1), digest(1, 1)}) == 5


def test_shapes_stay_as_they_are() -> None:
    """Weights were trained and figures published on these."""
    assert [digest(0), digest(3), digest(1_000_004), digest(0, 7)] == GOLDEN


def test_the_number_of_points_does_not_change_the_shape() -> None:
    few, many = shapes.shape(5, points=512), shapes.shape(5, points=8192)
    assert shapes.shape(5, points=1).points.shape == (1, 3)
    assert shapes.shape(5).points.shape == (2048, 3)
    assert np.allclose(np.abs(few.points).max(0), np.abs(many.points).max(0), rtol=0.1)
    shares = [np.bincount(c.labels, minlength=50) / len(c.labels) for c in (few, many)]
    assert np.allclose(*shares, atol=0.12)


def test_training_and_test_shapes_are_disjoint() -> None:
    train, test = Shapes(8), Shapes(8, first=FIRST_TEST_SHAPE)
    assert len(train) == len(test) == 8
    assert {cloud.category for cloud in train} == {cloud.category for cloud in test}
    assert len({cloud.points.tobytes() for cloud in [*train, *test]}) == 16
    assert test[0].points.tobytes() == shapes.shape(FIRST_TEST_SHAPE).points.tobytes()


@pytest.mark.parametrize("step", [1, 7, 8, 10, 56, 64, 512])
def test_evenly_spaced_shapes_have_all_categories(step: int) -> None:
    """Taking index modulo 8 would make every 8th shape a cap."""
    counts = np.bincount([shapes.blueprint(step * k).category for k in range(64)], minlength=16)
    assert (counts[counts > 0] >= 2).all()
    assert np.count_nonzero(counts) == 8


def test_parts_and_colours_are_those_of_the_category(examples: list[int]) -> None:
    seen: set[int] = set()
    for index in examples:
        cloud = shapes.shape(index)
        parts = set(cloud.labels.tolist())
        assert parts <= set(PARTS[cloud.category])
        seen |= parts
    made = {part for name in shapes.MADE for part in PARTS[CATEGORIES.index(name)]}
    assert seen == made
    assert len(NAMES) == len(set(NAMES)) == len(set(PALETTE)) == 50
    assert (NAMES[6], NAMES[7]) == ("cap crown", "cap peak")
    assert [len(maker.parts) for maker in shapes.MAKERS.values()] == [2, 4, 4, 2, 4, 2, 3, 3]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 100))
def test_normals_have_length_1_and_shapes_fit_the_ball(index: int, seed: int) -> None:
    cloud = shapes.shape(index, seed=seed, points=256)
    assert np.abs(np.linalg.norm(cloud.normals, axis=1) - 1).max() < 1e-6
    assert np.linalg.norm(cloud.points, axis=1).max() < 1.6
    assert np.isfinite(cloud.points).all()


def test_points_lie_on_surfaces_of_their_part(examples: list[int]) -> None:
    for index in examples:
        cloud, plan = shapes.shape(index, points=256), shapes.blueprint(index)
        local = cloud.points.astype(float) @ shapes.surfaces.turn(plan.angle) / plan.size
        for part in set(cloud.labels.tolist()):
            mine = local[cloud.labels == part]
            near = [
                off_surface(s, mine)
                for s, p in zip(plan.surfaces, plan.parts, strict=True)
                if p == part
            ]
            assert np.min(near, axis=0).max() < ON


SURFACES = {
    "cylinder": Cone((0.1, 0, 0), 0.5, 0.5, 1.0),
    "cone": Cone((0, 0, 0), 0.5, 0.0, 1.0),
    "cone upside down": Cone((0, 0.2, 0), 0.0, 0.5, 0.3, inward=True),
    "disc": Cone((0, 0, 0.3), 0.5, 0.0, 0.0),
    "part of a ring": Cone((0, 0, 0), 0.5, 0.3, 0.0, arc=(0.0, 1.0)),
    "sphere": Zone((0, 0, 1), 0.7, -0.4, 0.9),
    "tube": Ring((0, 0, 0), 0.5, 0.3, arc=(-1.0, 2.0)),
    "triangles": Triangles(
        np.array([[[0, 0, 0], [1, 0, 0], [0, 2, 0]], [[0, 0, 1], [0, 1, 1], [3, 0, 1.0]]])
    ),
}


@pytest.mark.parametrize("name", SURFACES)
def test_samples_lie_on_the_surface_with_its_normals(name: str) -> None:
    """The normal is the direction in which the two tangents turn: by finite differences."""
    surface, rng = SURFACES[name], np.random.default_rng(0)
    u, v = rng.uniform(0.05, 0.95, (2, 500))
    points, normals = surface.at(u, v)
    assert off_surface(surface, points).max() < 1e-12
    assert np.abs(np.linalg.norm(normals, axis=1) - 1).max() < 1e-12
    step = 1e-6
    for du, dv in ((step, 0), (0, step)):
        tangent = (surface.at(u + du, v + dv)[0] - surface.at(u - du, v - dv)[0]) / (2 * step)
        inside = np.linalg.norm(tangent, axis=1) < 100  # no jump to the next triangle
        assert inside.mean() > 0.95
        assert np.abs((tangent * normals).sum(1))[inside].max() < 1e-6


@pytest.mark.parametrize("name", SURFACES)
def test_the_map_keeps_areas(name: str) -> None:
    """The area element is constant over the square: what uniformity by area means."""
    surface, rng = SURFACES[name], np.random.default_rng(1)
    u, v = rng.uniform(0.05, 0.95, (2, 500))
    step = 1e-6
    along = (surface.at(u + step, v)[0] - surface.at(u - step, v)[0]) / (2 * step)
    across = (surface.at(u, v + step)[0] - surface.at(u, v - step)[0]) / (2 * step)
    element = np.linalg.norm(np.cross(along, across), axis=1)
    assert np.median(np.abs(element / surface.area - 1)) < 1e-6
    assert (np.abs(element / surface.area - 1) < 1e-5).mean() > 0.95  # but where triangles meet


def test_normals_of_closed_things_point_outward() -> None:
    """By the divergence theorem, points dotted with normals sum to three volumes, so to > 0."""
    solids = {
        "box": (shapes.surfaces.box((1, 1, 1), (2, 3, 5)), 8.0),
        "sphere": (Zone((3, 0, 0), 0.5), math.pi / 6),
        "ring": (Ring((2, 0, 0), 0.5, 0.2), 2 * math.pi**2 * 0.5 * 0.2**2),
    }
    u, v = (np.indices((200, 200)).reshape(2, -1) + 0.5) / 200
    for surface, volume in solids.values():
        points, normals = surface.at(u, v)
        assert (points * normals).sum(1).mean() * surface.area / 3 == pytest.approx(volume, 0.02)


@pytest.mark.parametrize("name", shapes.MADE)
def test_surfaces_are_chosen_by_area(name: str) -> None:
    """Chi-square over the parts' areas; one part chosen 10% of the points too rarely is seen."""
    n, plan = 40_000, shapes.blueprint(7, category=name)
    areas = np.zeros(50)
    np.add.at(areas, list(plan.parts), [surface.area for surface in plan.surfaces])
    expected = n * areas[areas > 0] / areas.sum()
    counts = np.bincount(shapes.shape(7, category=name, points=n).labels, minlength=50)
    limit = chi2.isf(FALSE_ALARM, len(expected) - 1)
    shifted = expected.copy()
    large, small = expected.argmax(), expected.argmin()
    shifted[[large, small]] += np.array([-1, 1]) * 0.1 * expected[large]
    shift = ((shifted - expected) ** 2 / expected).sum()
    assert ncx2.sf(limit, len(expected) - 1, shift) > 0.999  # power
    statistic = ((counts[areas > 0] - expected) ** 2 / expected).sum()
    assert statistic < limit


@pytest.mark.parametrize("name", ["cylinder", "cone", "sphere", "tube", "disc"])
def test_samples_are_uniform_over_bands_of_equal_area(name: str) -> None:
    """Chi-square over 16 bands along or across the axis, against their areas in closed form."""
    surface, rng, n, bands = SURFACES[name], np.random.default_rng(2), 20_000, 16
    points, _ = surface.at(*rng.uniform(size=(2, n)))
    axis = np.array(surface.axis)
    local = points - np.array(surface.centre)
    flat = local - np.outer(local @ axis, axis)
    value = np.linalg.norm(flat, axis=1) if name in ("tube", "disc") else local @ axis
    edges = np.linspace(value.min() - 1e-9, value.max() + 1e-9, bands + 1)
    expected = n * band_areas(surface, edges) / surface.area
    statistic = ((np.histogram(value, edges)[0] - expected) ** 2 / expected).sum()
    limit = chi2.isf(FALSE_ALARM, bands - 1)
    tilt = 0.15 * np.linspace(-1, 1, bands)  # 15% too many at one end, too few at the other
    assert ncx2.sf(limit, bands - 1, (expected * tilt**2).sum()) > 0.999  # power
    assert statistic < limit


def band_areas(surface: Surface, edges: np.ndarray) -> np.ndarray:
    """Areas of bands in closed form, each derived on its own."""
    if isinstance(surface, Zone):
        return 2 * math.pi * surface.radius * np.diff(edges)
    if isinstance(surface, Ring):  # at distance x from the axis: 2 x arc tube |d t|
        angle = np.arccos(np.clip((edges - surface.radius) / surface.tube, -1, 1))
        turn = surface.arc[1] - surface.arc[0]
        whole = surface.radius * angle + surface.tube * np.sin(angle)
        return -2 * turn * surface.tube * np.diff(whole)
    if surface.height == 0:
        return math.pi * np.diff(edges**2)
    slope = math.hypot(surface.height, surface.bottom - surface.top) / surface.height
    part = np.clip(edges / surface.height, 0, 1)
    radius = surface.bottom + (surface.top - surface.bottom) * part
    return math.pi * (radius[1:] + radius[:-1]) * np.diff(part) * surface.height * slope


def test_poses_turn_about_the_up_axis_only() -> None:
    turned, still = shapes.shape(9), shapes.shape(9, turned=False)
    assert np.allclose(turned.points[:, 1], still.points[:, 1], atol=1e-6)
    assert not np.allclose(turned.points, still.points, atol=0.01)
    across = [np.hypot(cloud.points[:, 0], cloud.points[:, 2]) for cloud in (turned, still)]
    assert np.allclose(*across, atol=1e-6)
    dots = [(cloud.points * cloud.normals).sum(1) for cloud in (turned, still)]
    assert np.allclose(*dots, atol=1e-5)  # normals turn with the points


def test_caps_look_to_x_and_chairs_stand_on_their_legs() -> None:
    for index in range(20):
        cap = shapes.shape(index, category="cap", turned=False)
        chair = shapes.shape(index, category="chair", turned=False)
        front = cap.points[cap.labels == 7].mean(0) - cap.points[cap.labels == 6].mean(0)
        assert front[0] > -0.05  # a brim lies all around
        assert front[1] < 0
        heights = [chair.points[chair.labels == part, 1].mean() for part in (14, 13, 12)]
        assert heights == sorted(heights)


@pytest.mark.parametrize(
    "arguments",
    [{"index": -1}, {"index": True}, {"index": 0, "seed": -1}, {"index": 0, "points": 0}],
)  # fmt: skip
def test_bad_numbers_are_named(arguments: dict[str, int]) -> None:
    arguments = dict(arguments)
    index = arguments.pop("index")
    with pytest.raises(InputError, match="must be an integer of at least"):
        shapes.shape(index, **arguments)


def test_unknown_categories_are_named() -> None:
    with pytest.raises(InputError, match=r"one of cap, car, .* got 'pistol'"):
        shapes.shape(0, category="pistol")
