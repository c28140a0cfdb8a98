"""All noises together: names, records, the noise for uint8 images, words for statements."""

import inspect
from dataclasses import FrozenInstanceError, asdict, fields

import numpy as np
import pytest
import torch

import segcert as sc
from segcert.errors import ArgumentError, InputError
from segcert.noise.axis_angle import AxisAngleNoise
from segcert.noise.axis_rotation import AxisRotationNoise
from segcert.noise.base import REAL_NUMBERS, AbstractNoise, Option
from segcert.noise.brightness import BrightnessNoise
from segcert.noise.contrast import ContrastNoise
from segcert.noise.gaussian import GaussianNoise, LatticeGaussianNoise
from segcert.noise.laplace import LaplaceNoise, LatticeLaplaceNoise
from segcert.noise.off_grid import RoundedGaussianNoise
from segcert.noise.points import PointNoise
from segcert.noise.pose import PoseNoise
from segcert.noise.registry import (
    CLOUD,
    ENTRIES,
    IMAGE,
    Entry,
    check_not_for_clouds,
    families,
    name_of,
    named_noise,
    names,
    noises,
    on_points,
)
from segcert.noise.rotation import RotationNoise
from segcert.noise.uniform import LatticeUniformNoise, UniformNoise

EVERY = pytest.mark.parametrize("family", families(IMAGE))
EVERY_OF_CLOUDS = pytest.mark.parametrize(
    "noise",
    [
        PointNoise(0.25),
        RotationNoise(0.25),
        AxisRotationNoise(0.25, 1.0, 2.0, 3.0),
        PoseNoise(0.1, 0.2, 0.3),
        AxisAngleNoise(0.25),
    ],
    ids=lambda noise: noise.kind,
)
GRID = {
    GaussianNoise: LatticeGaussianNoise,
    UniformNoise: LatticeUniformNoise,
    LaplaceNoise: LatticeLaplaceNoise,
}


def descendants(family: type) -> set[type]:
    """All classes below one."""
    below = set(family.__subclasses__())
    return below.union(*map(descendants, below))


def test_every_noise_is_listed_once() -> None:
    """All final classes but that around attacked images, under the names of the records."""
    ours = {
        c
        for c in descendants(AbstractNoise)
        if c.__module__.startswith("segcert.noise.") and not inspect.isabstract(c)
    }
    assert RoundedGaussianNoise not in noises().values()  # no certificate is made with it
    assert {*noises().values(), RoundedGaussianNoise} == ours
    assert {kind: family.__name__ for kind, family in noises().items()} == {
        "gaussian": "GaussianNoise",
        "lattice-gaussian": "LatticeGaussianNoise",
        "uniform": "UniformNoise",
        "lattice-uniform": "LatticeUniformNoise",
        "laplace": "LaplaceNoise",
        "lattice-laplace": "LatticeLaplaceNoise",
        "brightness": "BrightnessNoise",
        "contrast": "ContrastNoise",
        "points": "PointNoise",
        "rotation": "RotationNoise",
        "axis-rotation": "AxisRotationNoise",
        "pose": "PoseNoise",
        "axis-angle": "AxisAngleNoise",
    }
    assert (*families(IMAGE), *families(CLOUD)) == tuple(noises().values())


@EVERY_OF_CLOUDS
def test_numbers_are_the_whole_record_of_noise_on_clouds(noise: AbstractNoise) -> None:
    record = asdict(noise)
    assert {field.type for field in fields(noise)} == {float}
    assert noises()[noise.kind](**record) == noise
    with pytest.raises(FrozenInstanceError):
        setattr(noise, next(iter(record)), 0.5)
    assert on_points(noise) is noise
    with pytest.raises(InputError, match=f"{noise.kind} noise is for point clouds"):
        check_not_for_clouds(noise)


@EVERY
def test_noise_of_images_on_clouds(family: type[AbstractNoise]) -> None:
    """Gaussian noise becomes that of coordinates, with the same radius; the others are refused."""
    check_not_for_clouds(family(0.25))
    if family is GaussianNoise:
        assert on_points(family(0.25)) == PointNoise(0.25)
        assert PointNoise(0.25).radius(0.9) == family(0.25).radius(0.9)
        return
    with pytest.raises(InputError, match="noise is for images: for point clouds take PointNoise"):
        on_points(family(0.25))


@pytest.mark.parametrize(
    ("name", "family"),
    list(
        zip(
            ("gaussian", "rotation", "yaw", "axis-angle"),
            (PointNoise, RotationNoise, AxisRotationNoise, AxisAngleNoise),
            strict=True,
        )
    ),
)
def test_noise_on_clouds_by_its_name(name: str, family: type[AbstractNoise]) -> None:
    assert named_noise(name, 0.25, inputs=CLOUD) == family(0.25)
    assert names(CLOUD) == ("gaussian", "rotation", "yaw", "axis-angle", "pose")
    with pytest.raises(InputError, match="gaussian, rotation, yaw, axis-angle, pose, got 'tilt'"):
        named_noise("tilt", 0.25, inputs=CLOUD)
    with pytest.raises(ArgumentError, match=r"^noise pose needs three scales: sigma") as caught:
        named_noise("pose", 0.25, inputs=CLOUD)
    assert caught.value.typed.startswith("--noise pose needs three scales: --sigma (yaw")


def test_yaw_is_about_the_axis_that_is_named() -> None:
    y, x = (named_noise("yaw", 0.25, inputs=CLOUD, axis=axis) for axis in "yx")
    assert y == AxisRotationNoise(0.25, 0.0, 1.0, 0.0)
    assert x == AxisRotationNoise(0.25, 1.0, 0.0, 0.0)
    with pytest.raises(InputError, match="axis must be one of x, y, z, got 'up'"):
        named_noise("yaw", 0.25, inputs=CLOUD, axis="up")


def test_options_of_other_noises_are_refused() -> None:
    with pytest.raises(ArgumentError, match=r"^axis goes with noise yaw and pose only$") as caught:
        named_noise("rotation", 0.25, inputs=CLOUD, axis="x")
    assert caught.value.typed == "--axis goes with --noise yaw and pose only"
    words = r"^shift_sigma and jitter_sigma go with noise pose only$"
    with pytest.raises(ArgumentError, match=words) as caught:
        named_noise("yaw", 0.25, inputs=CLOUD, jitter_sigma=0.1)
    assert caught.value.typed == "--shift-sigma and --jitter-sigma go with --noise pose only"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.inputs}-{entry.name}")
def test_a_noise_is_asked_for_by_its_options(entry: Entry) -> None:
    """What it says it takes is what it says it was made of, and makes it again."""
    given: dict[str, Option] = {"shift_sigma": 0.2, "jitter_sigma": 0.3, "axis": (1.0, 2.0, 3.0)}
    taken = {name: value for name, value in given.items() if name in entry.options}
    noise = named_noise(entry.name, 0.25, inputs=entry.inputs, **taken)
    assert noise.options() == {"sigma": 0.25, **taken}
    assert type(noise).asked(noise.options()) == noise
    assert name_of(noise) == name_of(noise.on_grid()) == entry.name
    gridded = noise.with_grid(torch.ones(4, 3) if entry.inputs == CLOUD else torch.ones(3, 2, 2))
    assert gridded.without_grid() == noise


@EVERY
def test_kind_and_numbers_are_the_whole_record(family: type[AbstractNoise]) -> None:
    """The scale and, where the input does not say it, the step of the grid."""
    for noise in (family(0.25), family(0.25).with_grid(torch.zeros(3))):
        record = asdict(noise)
        assert {field.type for field in fields(noise)} == {float}
        assert next(iter(record.values())) == 0.25
        assert set(list(record)[1:]) == (set() if noise.kind.startswith("lattice") else {"step"})
        assert noises()[noise.kind](**record) == noise
        with pytest.raises(FrozenInstanceError):
            setattr(noise, next(iter(record)), 0.5)


ASKED = (GaussianNoise, UniformNoise, LaplaceNoise, BrightnessNoise, ContrastNoise)


@pytest.mark.parametrize(("name", "family"), list(zip(names(IMAGE), ASKED, strict=True)))
def test_noise_by_its_name(name: str, family: type[AbstractNoise]) -> None:
    assert named_noise(name, 0.25) == family(0.25)
    with pytest.raises(InputError, match="must be a positive number"):
        named_noise(name, 0.0)


@pytest.mark.parametrize("name", ["", "Gaussian", "lattice-uniform", "rotation"])
def test_unknown_name_is_refused_with_the_choices(name: str) -> None:
    with pytest.raises(InputError, match="gaussian, uniform, laplace, brightness, contrast") as e:
        named_noise(name, 0.25)
    assert repr(name) in str(e.value)


@EVERY
def test_noise_for_uint8_images(family: type[AbstractNoise]) -> None:
    """On the grid where there is one, with the same radius; all others stay."""
    noise = family(0.25)
    fitting = noise.on_grid()
    assert fitting == GRID.get(family, family)(0.25)
    assert [fitting.radius(p) for p in (0.5, 0.75, 0.99)] == [
        noise.radius(p) for p in (0.5, 0.75, 0.99)
    ]
    assert (fitting.norm, fitting.unit, fitting.ball("1")) == (
        noise.norm,
        noise.unit,
        noise.ball("1"),
    )


@EVERY
def test_sampler_takes_every_noise(family: type[AbstractNoise]) -> None:
    """Through the public entry on uint8; the model sees distinct float32 draws of the image."""
    image = np.random.default_rng(0).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    seen = []

    def model(x: torch.Tensor) -> torch.Tensor:
        seen.append(x)
        return (x[:, 0] > 0.5).long()

    segmenter = sc.as_segmenter(model, classes=2)
    counts = sc.sample(segmenter, image, noise=family(0.25), n0=3, n=20, seed=1, device="cpu")
    assert counts.noise == family(0.25).on_grid().with_grid(torch.from_numpy(image))
    assert all(batch.dtype == torch.float32 for batch in seen)
    prints = [*counts.pilot_fingerprints, *counts.test_fingerprints]
    assert len(set(prints)) == 23


@pytest.mark.parametrize(
    ("family", "norm"),
    [
        (GaussianNoise, "l2"),
        (LatticeGaussianNoise, "l2"),
        (UniformNoise, "l1"),
        (LatticeUniformNoise, "l1"),
        (LaplaceNoise, "l1"),
        (LatticeLaplaceNoise, "l1"),
    ],
)
def test_words_of_the_statement_for_norms(family: type[AbstractNoise], norm: str) -> None:
    noise = family(0.25)
    assert noise.ball("0.1686") == (
        f"perturbation of this input of {norm} norm at most 0.1686 (input units)"
    )
    gridded = noise.with_grid(torch.zeros(3))
    assert gridded.assumption == ""
    assert ", then rounding to multiples of " in gridded.description
    assert noise.assumption in ("", REAL_NUMBERS)
    assert (noise.assumption == "") == (noise == gridded)
    assert "0.25" in noise.description
    assert noise.repeat_probability(torch.zeros(3)) == 0.0
