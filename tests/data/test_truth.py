"""True classes of single images: one mask, or a folder."""

from pathlib import Path

import numpy as np
import pytest
from picture_files import exif_of
from PIL import Image

from segcert.data.truth import check_turned, masks_for, read_truth
from segcert.errors import InputError
from segcert.inputs.input import read
from segcert.inputs.mask_options import MaskOptions

USUAL = MaskOptions()


@pytest.fixture
def turned(tmp_path: Path) -> Path:
    """A photograph of 4x6 pixels that is seen as 6x4."""
    Image.new("RGB", (6, 4)).save(tmp_path / "turned.jpg", exif=exif_of(6))
    return tmp_path / "turned.jpg"


def test_masks_of_a_turned_photograph_stored_either_way(tmp_path: Path, turned: Path) -> None:
    seen = np.arange(24, dtype=np.uint8).reshape(6, 4) % 3
    for name, raw in (("seen", seen), ("raw", np.rot90(seen))):
        Image.fromarray(np.ascontiguousarray(raw)).save(tmp_path / f"{name}.png")
        found = read_truth(tmp_path / f"{name}.png", read(turned), USUAL, classes=3)
        assert (found == seen).all()


def test_an_orientation_is_told_of_turned_photographs_only(turned: Path, tmp_path: Path) -> None:
    Image.new("RGB", (6, 4)).save(tmp_path / "plain.png")
    images = [read(turned), read(tmp_path / "plain.png"), read(np.zeros((4, 6, 3), np.uint8))]
    check_turned(images, MaskOptions(orientation="stored"))
    with pytest.raises(InputError, match="leave it out"):
        check_turned(images[1:], MaskOptions(orientation="stored"))


def test_white_in_two_classes_is_asked_about(tmp_path: Path) -> None:
    Image.fromarray(np.eye(4, dtype=np.uint8) * 255).save(tmp_path / "a.png")
    image = read(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(InputError, match=r"--truth .*a\.png: no pixel has class 1 \(1\)"):
        read_truth(tmp_path / "a.png", image, USUAL, classes=2)
    for told in (MaskOptions("0,255"), MaskOptions(ignored="255")):
        assert read_truth(tmp_path / "a.png", image, told, classes=2).shape == (4, 4)
    assert read_truth(tmp_path / "a.png", image, USUAL, classes=None).max() == 255


def test_one_mask_or_a_folder_of_masks(tmp_path: Path) -> None:
    images = {"a": Path("a.png"), "b": Path("b.png")}
    for name in ("a_mask", "b_mask", "c_mask"):
        Image.new("L", (2, 2)).save(tmp_path / f"{name}.png")
    assert masks_for(tmp_path, images) == {n: tmp_path / f"{n}_mask.png" for n in "ab"}
    one = {"a": Path("a.png")}
    assert masks_for(tmp_path / "x.png", one) == {"a": tmp_path / "x.png"}
    with pytest.raises(InputError, match="is one mask, and there are 2 images: give a folder"):
        masks_for(tmp_path / "x.png", images)
    with pytest.raises(InputError, match=r"has no mask of image d\.png"):
        masks_for(tmp_path, images | {"d": Path("d.png")})
