"""Objects: against every labelling between two masks, in closed form, and by many runs."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import generate_binary_structure, label
from scipy.stats import binom, norm

import segcert as sc
from segcert.certificates.objects.found import ClassObjects
from segcert.certificates.objects.one_class import OneClass, one_class
from segcert.certificates.objects.pieces import Grid, Within

SIGMA, TAU = 0.1, 0.75
SHAPE = (3, 4)


def between(sure: np.ndarray, possible: np.ndarray) -> list[np.ndarray]:
    """Every set between two masks."""
    open_ = np.argwhere(possible & ~sure)
    found = []
    for chosen in itertools.product([False, True], repeat=len(open_)):
        one = sure.copy()
        for place, here in zip(open_, chosen, strict=True):
            one[tuple(place)] = here
        found.append(one)
    return found


def masks(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two masks, one inside the other, with at most 8 open components."""
    rng = np.random.default_rng(seed)
    possible = rng.random(SHAPE) < 0.6
    sure = possible & (rng.random(SHAPE) < 0.4)
    while (possible & ~sure).sum() > 8:
        sure |= possible & (rng.random(SHAPE) < 0.2)
    return sure, possible


def pieces_of(mask: np.ndarray) -> tuple[np.ndarray, int]:
    numbers, found = label(mask, generate_binary_structure(mask.ndim, mask.ndim))
    return numbers, int(found)


@pytest.mark.parametrize("seed", range(12))
def test_every_labelling_between_the_masks_has_what_is_proved(seed: int) -> None:
    """And what is not proved is wrong for one of them: nothing more could be said."""
    sure, possible = masks(seed)
    found = ClassObjects(OneClass(1, "car", sure, possible), Grid())
    labellings = [(one, *pieces_of(one)) for one in between(sure, possible)]
    areas = [int(one.sum()) for one, _, _ in labellings]
    assert found.area == (min(areas), max(areas))
    assert len(found.present) == min(number for _, _, number in labellings)
    for place in found.objects:
        inside = found.numbers == place.number
        sizes = [int((one & inside).sum()) for one, _, _ in labellings]
        assert place.area == (min(sizes), max(sizes))
        assert place.present == (min(sizes) > 0)
        rows, columns = np.nonzero(inside)
        assert place.box == (
            (rows.min(), rows.max() + 1), (columns.min(), columns.max() + 1),
        )  # fmt: skip
        assert place.pieces == pieces_of(sure & inside)[1]
    everything = list(np.ndindex(*SHAPE))
    for one, other in itertools.combinations(everything, 2):
        joined = {bool(n[one]) and n[one] == n[other] for _, n, _ in labellings}
        said = found.connected(one, other)
        assert joined == ({said} if said is not None else {False, True})


def test_no_object_appears_where_none_is_possible() -> None:
    sure, possible = masks(3)
    found = ClassObjects(OneClass(1, "car", sure, possible), Grid())
    assert ((found.numbers > 0) == possible).all()
    nowhere = ClassObjects(OneClass(1, "car", sure & False, possible & False), Grid())
    assert nowhere.objects == ()
    assert nowhere.area == (0, 0)


def objects_in(labellings: np.ndarray) -> np.ndarray:
    """How many objects each labelling (m, h, w) has."""
    touching = np.zeros((3, 3, 3), dtype=bool)
    touching[1] = True
    numbers, most = label(labellings, touching)
    owner = np.zeros(most + 1, dtype=np.int64)
    owner[numbers[labellings]] = np.nonzero(labellings)[0]
    return np.bincount(owner[1:], minlength=len(labellings))


@pytest.mark.parametrize(
    "number",
    [20_000, pytest.param(10_000_000, marks=pytest.mark.slow)],
    ids=["some", "ten million"],
)
def test_labellings_at_random_stay_within_what_is_proved(number: int) -> None:
    """Areas, and the number of objects, of any share of what is open."""
    rng, chunk = np.random.default_rng(5), 20_000
    possible = rng.random((8, 8)) < 0.25
    sure = possible & (rng.random((8, 8)) < 0.3)
    found = ClassObjects(OneClass(1, "car", sure, possible), Grid())
    (least, most), fewest = found.area, len(found.present)
    assert 1 < fewest < len(found.objects)
    for _ in range(number // chunk):
        share = rng.random((chunk, 1, 1))
        labellings = sure | (possible & (rng.random((chunk, 8, 8)) < share))
        areas = labellings.sum((1, 2))
        assert least <= areas.min()
        assert areas.max() <= most
        assert objects_in(labellings).min() >= fewest


def test_points_touch_within_a_distance() -> None:
    """Against pieces found by walking."""
    rng = np.random.default_rng(0)
    points, mask = rng.random((60, 3)), rng.random(60) < 0.7
    numbers, found = Within(points, 0.25).pieces(mask)
    near = np.linalg.norm(points[:, None] - points[None], axis=-1) <= 0.25
    near &= mask[:, None] & mask[None]
    reach = np.linalg.matrix_power(near.astype(float), 60) > 0
    assert found == len({tuple(row) for row in reach[mask]})
    assert ((numbers[:, None] == numbers[None]) & mask[:, None] & mask[None] == reach).all()
    assert not numbers[~mask].any()
    assert Within(points, 0.25).pieces(mask & False) == (pytest.approx(np.zeros(60)), 0)


def bright(batch: torch.Tensor) -> torch.Tensor:
    """Class 1 where the value is above .4, 2 where it is above .8, else 0."""
    value = batch[:, 0]
    return (value > 0.4).long() + (value > 0.8).long()


MODEL = sc.as_segmenter(bright, classes=3, name="bright", class_names=("dark", "car", "glare"))


def drawn(image: np.ndarray, n: int = 60, seed: int = 1, **options: object) -> sc.Counts:
    settings: dict = {"n0": 0, "noise": sc.LatticeGaussianNoise(SIGMA), "device": "cpu"} | options
    return sc.sample(MODEL, image, n=n, seed=seed, **settings)


def ramp() -> np.ndarray:
    """20 grey columns, from far below to far above all thresholds."""
    return np.tile(np.linspace(0, 255, 20).astype(np.uint8), (1, 6, 1))


def test_closed_form_within_the_radius() -> None:
    """Each value moves by the whole radius alone, or by its share: the class stays in the masks."""
    image = ramp()
    found = sc.certify_objects(drawn(image, 100), ["car", "glare"], tau=TAU, alpha=0.01)
    x = image[0] / 255
    for one, low, high in (("car", 0.4, 0.8), ("glare", 0.8, np.inf)):
        masks_ = found[one].found
        assert masks_.sure.any()
        assert not masks_.possible.all()
        for shift in np.linspace(-found.radius, found.radius, 21):
            p = norm.cdf((high - x - shift) / SIGMA) - norm.cdf((low - x - shift) / SIGMA)
            assert (p[masks_.sure] > 0.5).all()
            assert (p[~masks_.possible] < 0.5).all()


@pytest.mark.repeats
def test_the_error_is_at_most_alpha_and_something_is_proved() -> None:
    """Counts of six hundred inputs, half their components at tau for the class, half for the rest.

    False alarm below 1e-6.
    """
    rng, alpha, n, size, runs = np.random.default_rng(2), 0.1, 80, 40, 600
    p = np.repeat([TAU, 1 - TAU, 0.99, 0.01], size // 4)
    base, wrong, proved = counted(np.zeros((3, size), dtype=np.int32), n), 0, 0
    for _ in range(runs):
        here = rng.binomial(n, p)
        other = rng.binomial(n - here, 0.5)
        counts = replace(
            base, class_counts=np.stack([other, here, n - here - other]).astype(np.int32)
        )
        found = one_class(counts, 1, name="car", tau=TAU, alpha=alpha, ignore=None)
        said_car, said_other = found.sure, ~found.possible
        wrong += bool(said_car[: size // 2].any() or said_other[: size // 2].any())
        wrong += bool(
            said_car[3 * size // 4 :].any() or said_other[size // 2 : 3 * size // 4].any()
        )
        proved += int(said_car[size // 2 : 3 * size // 4].sum() + said_other[3 * size // 4 :].sum())
    assert wrong <= binom.ppf(1 - 1e-6, runs, alpha)
    assert proved / (runs * size / 2) > 0.95


def counted(class_counts: np.ndarray, n: int) -> sc.Counts:
    """Counts without pilot, of components in a row."""
    size = class_counts.shape[1]
    counts = drawn(np.zeros((1, 1, size), dtype=np.uint8), n=n)
    return replace(
        counts, class_counts=class_counts, labels=np.zeros(size, np.int16),
        hits=np.zeros(size, np.int32),
    )  # fmt: skip


def test_lost_labels_count_for_neither_side() -> None:
    counts = counted(np.array([[10, 0], [0, 60], [0, 0]], dtype=np.int32), 60)
    found = one_class(counts, 1, name="car", tau=TAU, alpha=0.1, ignore=None)
    assert found.sure.tolist() == [False, True]
    assert found.possible.tolist() == [True, True]  # 50 of 60 labels were lost


def test_classes_share_alpha_and_ignored_components_prove_nothing() -> None:
    counts = drawn(ramp(), 60)
    alone = sc.certify_objects(counts, ["car"], tau=TAU, alpha=0.05)
    both = sc.certify_objects(counts, ["car", 2], tau=TAU, alpha=0.1)
    assert (alone["car"].found.sure == both["car"].found.sure).all()
    assert (alone["car"].found.possible == both["car"].found.possible).all()
    ignore = np.zeros((6, 20), dtype=bool)
    ignore[:, :4] = True
    left = sc.certify_objects(counts, ["car"], tau=TAU, alpha=0.05, ignore=ignore)["car"].found
    assert left.possible[:, :4].all()
    assert not left.sure[:, :4].any()
    assert not alone["car"].found.possible[:, :2].any()


def test_the_statement_says_what_holds() -> None:
    found = sc.certify_objects(drawn(ramp()), ["car"], tau=TAU, alpha=0.05)
    low, high = found["car"].area
    assert found.statement.startswith("With confidence 0.95 ")
    for words in (
        f"car {low} to {high}", "l2 norm at most 0.06744", "classes car,", "bright",
        "if the classes were chosen before", "touch at corners too",
    ):  # fmt: skip
        assert words in found.statement


def test_a_volume_and_a_cloud() -> None:
    volume = np.tile(ramp()[:, None], (1, 4, 1, 1))
    found = sc.certify_objects(drawn(volume), ["car"], tau=TAU)
    assert found["car"].numbers.shape == (4, 6, 20)
    assert len(found["car"].objects[0].box) == 3
    points = np.random.default_rng(0).normal(size=(30, 3)).astype(np.float32)
    model = sc.as_point_segmenter(lambda batch: (batch[:, :, 2] > 0).long(), classes=2)
    counts = sc.sample(model, points, noise=sc.PointNoise(0.1), n0=0, n=60, seed=1)
    cloud = sc.certify_objects(counts, [1], tau=TAU, points=points, distance=0.5)
    assert cloud["1"].area[0] > 0
    assert "touch within 0.5" in cloud.statement


@pytest.mark.parametrize(
    ("classes", "options", "rule"),
    [
        (["bus"], {}, "classes must be some of dark, car, glare, got 'bus'"),
        ([3], {}, "got 3"),
        ([], {}, "name one or more"),
        (["car", 1], {}, "each once"),
        (["car"], {"tau": 0.3}, "tau must be in"),
        (["car"], {"distance": 1.0}, "pixels touch as they lie"),
        (["car"], {"tau": 0.99}, "cannot certify any"),
    ],
)
def test_bad_requests_are_refused(classes: list, options: dict, rule: str) -> None:
    with pytest.raises(sc.InputError, match=rule):
        sc.certify_objects(drawn(ramp()), classes, **{"tau": TAU} | options)


def test_what_else_is_refused() -> None:
    with pytest.raises(sc.InputError, match="n0 = 0"):
        sc.certify_objects(drawn(ramp(), n0=4), ["car"], tau=TAU)
    found = sc.certify_objects(drawn(ramp()), ["car"], tau=TAU)
    with pytest.raises(sc.InputError, match="not of 'dark'"):
        found["dark"]
    for place in ((6, 0), (0,), (-1, 0)):
        with pytest.raises(sc.InputError, match="shape"):
            found["car"].connected(place, (0, 0))
    points = np.zeros((30, 3), dtype=np.float32)
    with pytest.raises(sc.InputError, match="above 0"):
        Within(points, 0.0)
