"""Synthetic street scenes: deterministic, complete, varied, and true to their labels."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

import segcert as sc
from segcert.data.camvid import CLASSES, PALETTE
from segcert_scenes import streets

COUNT, HEIGHT, WIDTH = 24, 120, 160
LEAST_PRESENT = 0.6  # share of the scenes in which a class occurs
LEAST_PIXELS = {
    "pole": 0.005,
    "sign": 0.004,
    "fence": 0.004,
    "pedestrian": 0.005,
    "bicyclist": 0.003,
}

GOLDEN = [
    "d0a7793b0ce028c4c1e238af223599622e3c9b97a911d79138997b0fcb94d23c",
    "b6a7925bc1bbad578082af08e68875f84f558e593ef3f93f1cef90ef2a9a9690",
    "8662956d5eb5a451045381d99f58686af7e9aa4f4c8817d763c487e4b950536e",
    "639aea71cc13a189c2ef81cac24d6e5f4ea6b333cca7b78ed99b9a2bb2b2e362",
]


@pytest.fixture(scope="module")
def scenes() -> list[streets.Scene]:
    return [streets.street_scene(i, height=HEIGHT, width=WIDTH) for i in range(COUNT)]


@pytest.fixture(scope="module")
def shares(scenes: list[streets.Scene]) -> np.ndarray:
    """Share of each class (column) in each scene (row)."""
    counts = [np.bincount(scene.labels.ravel(), minlength=11) for scene in scenes]
    return np.array(counts) / (HEIGHT * WIDTH)


def digest(index: int, seed: int = 0) -> str:
    """Hash a scene."""
    scene = streets.street_scene(index, seed=seed, height=64, width=96)
    return hashlib.sha256(scene.image.tobytes() + scene.labels.tobytes()).hexdigest()


@pytest.mark.repeats
def test_same_arguments_give_the_same_bytes() -> None:
    before = digest(3)
    digest(4)
    assert digest(3) == before


@pytest.mark.repeats
def test_bytes_stay_as_they_are() -> None:
    """Weights were trained and figures published on these."""
    assert [digest(0), digest(3), digest(1_000_006), digest(0, 20_000)] == GOLDEN


def test_bytes_are_the_same_in_another_process() -> None:
    code = """
import hashlib
from segcert_scenes.streets import street_scene
scene = street_scene(5, seed=0, height=64, width=96)
print(hashlib.sha256(scene.image.tobytes() + scene.labels.tobytes()).hexdigest())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == digest(5)


@pytest.mark.repeats
def test_index_and_seed_change_the_scene() -> None:
    assert len({digest(0), digest(1), digest(2), digest(0, 1), digest(1, 1)}) == 5


@pytest.mark.parametrize(("height", "width"), [(32, 32), (64, 64), (101, 77), (360, 480)])
def test_any_size(height: int, width: int) -> None:
    scene = streets.street_scene(1, height=height, width=width)
    assert scene.image.shape == (height, width, 3)
    assert scene.labels.shape == (height, width)
    assert scene.image.dtype == scene.labels.dtype == np.uint8


@pytest.mark.repeats
def test_classes_are_those_of_camvid_and_every_pixel_has_one(shares: np.ndarray) -> None:
    assert streets.CLASSES == CLASSES
    assert len(PALETTE) == len(set(PALETTE)) == 11
    assert np.allclose(shares.sum(1), 1)


def test_every_class_occurs_often(shares: np.ndarray) -> None:
    present = dict(zip(CLASSES, (shares > 0).mean(0), strict=True))
    pixels = dict(zip(CLASSES, shares.mean(0), strict=True))
    assert {name: share for name, share in present.items() if share < LEAST_PRESENT} == {}
    assert {n: s for n, s in pixels.items() if s < LEAST_PIXELS.get(n, 0.01)} == {}


def test_no_class_swallows_the_data_set(shares: np.ndarray) -> None:
    """A wall across the camera, as a wrong winding of buildings gives, fills a scene."""
    assert shares.max() < 0.85
    assert shares.mean(0).max() < 0.45


def test_scenes_are_lit_and_varied(scenes: list[streets.Scene]) -> None:
    means = np.array([scene.image.mean() for scene in scenes])
    contrasts = np.array([scene.image.std() for scene in scenes])
    assert means.min() > 30
    assert means.max() < 210
    assert means.std() > 8
    assert contrasts.min() > 15


def test_edges_of_labels_are_edges_of_the_image(scenes: list[streets.Scene]) -> None:
    """Labels that were shifted by 10 pixels would lie on weaker edges."""

    def strength(labels: np.ndarray, image: np.ndarray) -> float:
        edges = labels[:, 1:] != labels[:, :-1]
        steps = np.abs(np.diff(image.mean(2), axis=1))
        return float(steps[edges].mean())

    pairs = [
        (strength(s.labels, s.image), strength(np.roll(s.labels, 10, axis=1), s.image))
        for s in scenes
    ]
    true, shifted = np.array(pairs).mean(0)
    assert true > 1.5 * shifted


@pytest.mark.parametrize(
    "arguments",
    [{"index": -1}, {"index": 0, "seed": -1}, {"index": 0, "height": 31},
     {"index": 0, "width": 8}, {"index": True}],
)  # fmt: skip
def test_bad_arguments_are_named(arguments: dict[str, int]) -> None:
    index = arguments.pop("index")
    with pytest.raises(sc.InputError, match="must be an integer of at least"):
        streets.street_scene(index, **arguments)
