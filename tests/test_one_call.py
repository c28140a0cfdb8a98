"""One call gives what `sample` and `certify` give, with the defaults of the command line."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Unpack

import numpy as np
import pytest
import torch
from foreign_models import (
    MEAN,
    NAMES,
    STD,
    segformer,
    tiny,
    write_folder,
    write_pt2,
    write_toml,
)  # fmt: skip
from picture_files import BAD_EXIF
from PIL import Image
from point_models import ByHeight
from torch import Tensor

import segcert as sc
from segcert.api import planned
from segcert.cli.plan_options import PlanOptions
from segcert.plan_fields import PlanFields
from segcert.stats.correction_names import parse_correction


def red(batch: Tensor) -> Tensor:
    """Class 1 where red exceeds a half; exact in any batch."""
    return (batch[:, 0] > 0.5).long()


FIVE_LINES = """
import segcert as sc
cert = sc.certify_image("hf_folder", "photo.png")
print(cert.statement)
cert.plot().savefig("certified.png")
cert.save("result")
"""
RED = sc.as_segmenter(red, classes=2, name="red")


def photograph(path: Path, height: int = 24, width: int = 32) -> Path:
    """A file with smooth colours."""
    rows, columns = np.mgrid[:height, :width]
    colours = np.stack([rows * 255 // height, columns * 255 // width, rows * 0 + 90], -1)
    Image.fromarray(colours.astype(np.uint8)).save(path)
    return path


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 256, (9, 14, 3), dtype=np.uint8)


def test_it_is_sample_then_certify(image: np.ndarray) -> None:
    """Same labels, mask, radius and statement, from the same draws."""
    cert = sc.certify_image(RED, image, tau=0.7, alpha=0.01, n0=4, n=60, seed=5)
    counts = sc.sample(RED, image, noise=sc.GaussianNoise(0.25), n0=4, n=60, seed=5)
    by_hand = sc.certify(counts, tau=0.7, alpha=0.01)
    assert (cert.labels == by_hand.labels).all()
    assert (cert.certified == by_hand.certified).all()
    assert (cert.counts.test_fingerprints == counts.test_fingerprints).all()
    assert 0 < cert.certified.mean() < 1
    assert cert.statement == by_hand.statement


@pytest.mark.parametrize("function", [sc.certify_image, sc.certify_cloud])
def test_defaults_are_those_of_the_command_line(function: Callable[..., sc.Certificate]) -> None:
    """They are those of a plan, with whose fields the functions are called."""
    taken = inspect.signature(function).parameters
    assert taken["plan"].annotation == Unpack[PlanFields]
    assert not set(taken) & set(PlanFields.__annotations__)
    ours = inspect.signature(sc.Plan).parameters
    theirs = inspect.signature(PlanOptions).parameters
    for name in ("tau", "alpha", "n", "looks", "blocks", "drop_below"):
        assert ours[name].default == theirs[name].default
    assert ours["n0"].default == 10  # what the help of --n0 says
    assert ours["correction"].default == parse_correction("holm")
    assert ours["noise"].default == sc.GaussianNoise(theirs["sigma"].default)
    assert planned(None, {}) == planned(0.25, {}) == PlanOptions().made() == sc.Plan()


def test_all_that_a_plan_takes_may_be_said_at_once(image: np.ndarray) -> None:
    """And gives what the plan gives, from the same draws."""
    said = PlanFields(
        noise=sc.GaussianNoise(0.2), n0=np.int64(4), n=np.int64(80), tau=0.6, alpha=0.01,
        correction="ordered:budget=5", blocks=2, drop_below=-16.0, ignore=np.eye(9, 14, dtype=bool),
        stop_when="target=0.3", looks=3,
    )  # fmt: skip
    assert set(said) | {"tree", "statement"} == set(PlanFields.__annotations__)
    cert = sc.certify_image(RED, image, seed=5, **said)
    again = sc.Plan(**said).certify(RED, image, seed=5)
    assert cert.correction == sc.Ordered(5)
    assert cert.counts.n == again.counts.n < 80
    assert cert.statement == again.statement
    assert (cert.certified == again.certified).all()
    assert cert.certified.any()
    tree = sc.ClassTree(("blue", "red", "any"), (2, 2, 2))
    named = sc.as_segmenter(red, class_names=("blue", "red"))
    grouped = sc.certify_image(
        named, image, tree=tree, n0=0, correction="bonferroni", tau=0.6, n=80, seed=5
    )
    assert grouped.tree == tree


def test_a_noise_keeps_the_grid_that_it_is_given(image: np.ndarray) -> None:
    floats = image.astype(np.float32) / 255
    noise = sc.GaussianNoise(0.1, step=2.0**-13)
    assert sc.certify_image(RED, floats, n0=1, n=40, tau=0.5, noise=noise).counts.noise == noise


def test_noise_fits_the_type_of_the_input(image: np.ndarray) -> None:
    """On the grid of bytes for uint8, as for files; on a finer one for floats."""
    on_bytes = sc.certify_image(RED, image, n0=1, n=40, tau=0.5)
    assert on_bytes.counts.noise == sc.LatticeGaussianNoise(0.25)
    floats = sc.certify_image(RED, image.astype(np.float32) / 255, n0=1, n=40, tau=0.5, sigma=0.1)
    assert floats.counts.noise == sc.GaussianNoise(0.1, step=2.0**-13)
    other = sc.certify_image(RED, image, n0=1, n=40, tau=0.5, noise=sc.BrightnessNoise(0.1))
    assert other.counts.noise == sc.BrightnessNoise(0.1, step=2.0**-22)


def test_a_hugging_face_folder_and_a_photograph_give_a_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The five lines, to the letter."""
    pytest.importorskip("transformers")
    write_folder(tmp_path / "hf_folder", segformer(), image_mean=MEAN, image_std=STD)
    photograph(tmp_path / "photo.png", 64, 96)
    monkeypatch.chdir(tmp_path)
    names: dict[str, sc.Certificate] = {}
    exec(FIVE_LINES, names)
    cert = names["cert"]
    assert (tmp_path / "certified.png").stat().st_size > 1000
    assert cert.labels.shape == (64, 96)
    assert cert.class_names == NAMES
    assert cert.counts.noise == sc.LatticeGaussianNoise(0.25)
    assert sc.load_certificate("result").statement == cert.statement
    with pytest.raises(sc.InputError, match="hf_foldr"):
        sc.certify_image(Path("hf_foldr"), "photo.png")


def test_what_a_photograph_says_of_itself_is_a_warning(tmp_path: Path) -> None:
    """With the name of its file, as a note of `certify`."""
    photograph(tmp_path / "photo.png", 8, 12)
    with Image.open(tmp_path / "photo.png") as image:
        image.load()
    image.save(tmp_path / "odd.png", exif=BAD_EXIF)
    model = sc.as_segmenter(lambda x: (x[:, 0] > 0.5).long(), classes=2)
    with pytest.warns(UserWarning, match=r"odd\.png: its EXIF metadata cannot be read"):
        sc.certify_image(model, tmp_path / "odd.png", tau=0.5, alpha=0.5, n0=2, n=20)


def test_a_model_file_that_says_no_mean_gives_a_warning(tmp_path: Path) -> None:
    """And none once there is a sidecar."""
    photograph(tmp_path / "photo.png", 32, 48)
    path, given = write_pt2(tmp_path / "net.pt2", tiny()), {"tau": 0.5, "alpha": 0.5, "n": 20}
    with pytest.warns(UserWarning, match=r"no .*net\.toml: images go into .* as they are"):
        sc.certify_image(path, tmp_path / "photo.png", **given)
    write_toml(path, mean=MEAN, std=STD)
    assert sc.certify_image(path, tmp_path / "photo.png", **given).provenance.model == "net"


def test_what_cannot_end_well_is_refused_before_the_first_draw(image: np.ndarray) -> None:
    """One line each, and the model is never called."""

    def never(batch: Tensor) -> Tensor:
        raise AssertionError(f"called with {batch.shape}")

    model = sc.as_segmenter(never, classes=2)
    with pytest.raises(sc.InputError, match=r"n = 20 draws cannot .* use n >= \d+"):
        sc.certify_image(model, image, n=20)
    with pytest.raises(sc.InputError, match="leave out one"):
        sc.certify_image(model, image, sigma=0.25, noise=sc.UniformNoise(0.5))
    with pytest.raises(sc.InputError, match="tau must be"):
        sc.certify_image(model, image, tau=1.0)
    with pytest.raises(sc.InputError, match="n0 must be"):
        sc.certify_image(model, image, n0=-1)
    with pytest.raises(sc.InputError, match=r"^drop_below is a rule on the pilot draws: use n0=1"):
        sc.certify_image(model, image, n0=0, drop_below=2.0)
    with pytest.raises(sc.InputError, match="'bogus'"):
        sc.certify_image(model, image, correction="bogus")
    with pytest.raises(sc.InputError, match="unknown model 'camvit'"):
        sc.certify_image("camvit", image)
    with pytest.raises(sc.InputError, match="point cloud, but model"):
        sc.certify_image(model, np.zeros((9, 3)))


def test_progress_is_passed_on(image: np.ndarray) -> None:
    seen: list[tuple[int, int]] = []
    sc.certify_image(
        RED, image, tau=0.5, n0=2, n=40, batch_size=10,
        progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert seen == [(2, 42), (12, 42), (22, 42), (32, 42), (42, 42)]


def box() -> np.ndarray:
    """Points five sigma above and below the cut."""
    return np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (-0.5, 0.5)])


def test_a_cloud_is_sampled_and_certified(tmp_path: Path) -> None:
    np.savez(tmp_path / "box.npz", points=box())
    for given in (box(), tmp_path / "box.npz", sc.read_cloud(tmp_path / "box.npz")):
        cert = sc.certify_cloud(ByHeight(), given, sigma=0.1, alpha=0.01, seed=3)
        assert cert.certified.all()
        assert cert.labels.tolist() == [0, 1] * 4
        assert cert.counts.noise == sc.PointNoise(0.1)
    turned = sc.certify_cloud(ByHeight(), box(), noise=sc.RotationNoise(0.05), alpha=0.01)
    assert turned.counts.noise == sc.RotationNoise(0.05, turned.counts.noise.step)
    assert turned.counts.noise.step

    def by_height(x: Tensor) -> Tensor:
        return torch.stack([-x[..., 2], x[..., 2]], 1)

    plain = sc.certify_cloud(by_height, box(), sigma=0.1, alpha=0.01)
    assert plain.counts.provenance.input_shape == (8, 3)


def test_a_shipped_model_of_clouds_takes_the_category_of_the_cloud() -> None:
    """And normals of the cloud are left out, as the network has none."""
    rng = np.random.default_rng(0)
    normals = np.tile(np.float32([0, 0, 1]), (300, 1))
    points = rng.random((300, 3), np.float32)
    cloud = sc.Cloud("mug", points, normals=normals, category=11)
    cert = sc.certify_cloud("shapes", cloud, sigma=0.02, tau=0.5, alpha=0.5, n0=2, n=15)
    assert cert.provenance.model == "shapes[category=mug]"
    assert cert.provenance.input_shape == (300, 3)
    ground = sc.certify_cloud("ground", cloud, tau=0.5, alpha=0.5, n0=2, n=15)
    assert ground.provenance.model == "ground"
    with pytest.raises(sc.InputError, match="open already"):
        sc.certify_cloud(ByHeight(), cloud, options=sc.PointOptions())
