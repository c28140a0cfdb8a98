"""The configuration of an evaluation: hashed, compared, refused before the first draw."""

from pathlib import Path

import numpy as np
import pytest
import torch
from picture_files import BAD_EXIF
from PIL import Image

from segcert.data.sets import Arguments, LabelledSet, open_evaluation_set
from segcert.errors import InputError
from segcert.inputs.images import hash_tensor, read_file
from segcert.models.adapter import Segmenter
from segcert.models.wrapping import as_segmenter
from segcert.runs.config import EvaluationConfig, words
from segcert.runs.inventory import Inventory, Item, said_of_files, take_inventory
from segcert.runs.setting import all_settings

VALUES = {
    "sigma": (0.25, 0.5), "scale": (1.0,), "tau": (0.6, 0.75), "n": (40, 80),
    "correction": ("holm", "bonferroni"),
}  # fmt: skip


def made(**changed: object) -> EvaluationConfig:
    fields = {
        "data": "folder images", "note": "as it is", "images": 2, "inputs_sha256": "ab",
        "classes": ("dark", "bright"), "model": "bright", "weights_sha256": "none",
        "settings": all_settings(**VALUES), "n0": 4, "alpha": 0.1, "seed": "5", "device": "cpu",
    }  # fmt: skip
    return EvaluationConfig(**(fields | changed))


def of_shapes(*shapes: tuple[int, int]) -> Inventory:
    return Inventory(tuple(Item(str(shape), shape, "a", "b") for shape in shapes))


@pytest.fixture
def segmenter() -> Segmenter:
    return as_segmenter(lambda x: (x[:, 0] > 0.5).long(), classes=2, name="bright")


@pytest.fixture
def data(tmp_path: Path) -> LabelledSet:
    rng = np.random.default_rng(0)
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for name in "ab":
        pixels = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "images" / f"{name}.png")
        Image.fromarray((pixels[..., 0] > 127).astype(np.uint8)).save(
            tmp_path / "masks" / f"{name}.png"
        )
    (tmp_path / "names.txt").write_text("dark\nbright\n")
    return open_evaluation_set(
        "folder",
        Arguments(
            images=tmp_path / "images", masks=tmp_path / "masks", classes=tmp_path / "names.txt"
        ),
    )


def test_all_combinations_and_which_share_draws(segmenter: Segmenter) -> None:
    config = made()
    config.check(segmenter)
    assert len(set(config.settings)) == len(config.settings) == 16
    assert config.groups == (tuple(range(8)), tuple(range(8, 16)))
    for group in config.groups:
        assert len({config.settings[k].sigma for k in group}) == 1
    assert words(config.settings[0]) == "sigma=0.25 scale=1 tau=0.6 n=40 holm"
    assert config.settings[2].radius == pytest.approx(0.25 * 0.2533471)  # Phi^-1(0.6)


def test_scales_do_not_share_draws() -> None:
    config = made(settings=all_settings(**(VALUES | {"scale": (0.5, 1.0)})))
    assert len(config.groups) == 4
    assert sorted(sum(config.groups, ())) == list(range(32))


def test_json_goes_there_and_back_and_the_hash_sees_everything() -> None:
    config = made()
    again = EvaluationConfig.model_validate_json(config.model_dump_json())
    assert again == config
    assert again.sha256 == config.sha256
    assert again.differences(config) == ""
    other = made(alpha=0.05, seed="6")
    assert other.sha256 != config.sha256
    assert other.differences(config) == "alpha 0.1 -> 0.05, seed 5 -> 6"
    fewer = made(settings=config.settings[:1])
    assert fewer.differences(config).endswith("-> sigma=0.25 scale=1 tau=0.6 n=40 holm")


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"tau": (1.0,)}, "tau must be in"),
        ({"sigma": (0.0,)}, "sigma must be"),
        ({"n": (0,)}, "n must be >= 1"),
        ({"scale": (0.0,)}, "scale must be in"),
        ({"scale": (float("nan"),)}, "scale must be in"),
        ({"tau": (0.6, 0.6)}, "is there twice"),
        ({"correction": ("holm", "Holm")}, "is there twice"),
        ({"correction": ("sidak",)}, "is refused"),
    ],
)
def test_refusals(segmenter: Segmenter, changed: dict[str, tuple], words: str) -> None:
    with pytest.raises(InputError, match=words):
        made(settings=all_settings(**(VALUES | changed))).check(segmenter)


def test_other_refusals(segmenter: Segmenter) -> None:
    with pytest.raises(InputError, match="alpha must be"):
        made(alpha=1.0).check(segmenter)
    with pytest.raises(InputError, match="seed must be"):
        made(seed=str(2**128)).check(segmenter)
    settings = all_settings(**(VALUES | {"correction": ("ordered",)}))
    with pytest.raises(InputError, match="ordered testing takes its order from a pilot"):
        made(n0=0, settings=settings).check(segmenter)
    named = as_segmenter(torch.sin, class_names=("car", "sky"), name="other")
    with pytest.raises(InputError, match=r"classes car, sky, the data dark, bright.*--class-map"):
        made().check(named)
    more = as_segmenter(torch.sin, classes=20, name="other")
    with pytest.raises(InputError, match=r"has 20 classes, the data 2: .*say --class-map 0=1,"):
        made().check(more)


def test_settings_with_too_few_draws_are_left_out() -> None:
    """0.75^40 = 1.0e-5 is no proof at 0.1 / 10^5, 0.6^40 and 0.75^80 are."""
    kept = made().possible(of_shapes((100, 1000)))
    assert {(s.tau, s.n) for s in kept.settings} == {(0.6, 40), (0.6, 80), (0.75, 80)}
    assert made().possible(of_shapes((6, 8), (8, 6))) == made()
    with pytest.raises(InputError, match=r"tau=0.75 n=40 holm, on some images: .*use n >= "):
        made().possible(of_shapes((6, 8), (100, 1000)))
    few = made(settings=all_settings(**(VALUES | {"n": (3,)})))
    with pytest.raises(InputError, match=r"no setting can certify anything: .*use n >= "):
        few.possible(of_shapes((6, 8)))


def test_the_inventory_hashes_images_and_truth(data: LabelledSet, tmp_path: Path) -> None:
    found = take_inventory(data)
    assert [(item.name, item.shape) for item in found.items] == [("a", (6, 8)), ("b", (6, 8))]
    path = tmp_path / "images" / "a.png"
    assert found.items[0].input_sha256 == hash_tensor(read_file(path))
    assert take_inventory(data).sha256 == found.sha256
    Image.new("L", (8, 6), 1).save(tmp_path / "masks" / "b.png")
    changed = take_inventory(data)
    assert changed.sha256 != found.sha256
    assert changed.items[0] == found.items[0]
    assert changed.items[1].input_sha256 == found.items[1].input_sha256


def test_what_files_say_of_themselves_is_noted(data: LabelledSet, tmp_path: Path) -> None:
    """As `certify` does; of many, the first few."""
    path = tmp_path / "images" / "b.png"
    with Image.open(path) as image:
        image.load()
    image.save(path, exif=BAD_EXIF)
    note = take_inventory(data).notes[0]  # before those on the truth
    assert note.startswith("b: its EXIF metadata cannot be read")
    lines = said_of_files({name: (f"of {name}", "more") for name in "abcde"})
    assert lines[:2] == ["a: of a", "a: more"]
    assert lines[5:] == ["c: more", "there are notes on 2 more inputs"]


def test_a_bad_image_is_met_before_the_work(data: LabelledSet, tmp_path: Path) -> None:
    (tmp_path / "images" / "b.png").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"b.png .*the first of 1 bad items of 2"):
        take_inventory(data)
