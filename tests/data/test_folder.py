"""A data set of one's own: pairs, masks, the list of classes."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from segcert.data.folder import Folder, read_classes
from segcert.errors import InputError
from segcert.inputs.labels import IGNORE, distinct_colours, ranges

CLASSES = 3


@pytest.fixture
def root(tmp_path: Path, draw_pixels: Callable[..., np.ndarray]) -> Path:
    """Three images, of three formats, with masks of two."""
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for name, image, mask in (("b", "jpg", "png"), ("a", "png", "tif"), ("c", "TIFF", "png")):
        Image.fromarray(draw_pixels()).save(tmp_path / "images" / f"{name}.{image}")
        Image.fromarray(stored()).save(tmp_path / "masks" / f"{name}.{mask}")
    (tmp_path / "images" / "notes.txt").write_text("not an image")
    return tmp_path


def stored() -> np.ndarray:
    """A mask with every class and what is ignored."""
    return np.resize([0, 1, 2, IGNORE], 32 * 48).astype(np.uint8).reshape(32, 48)


def opened(root: Path) -> Folder:
    """Open the folder."""
    return Folder(root / "images", root / "masks", CLASSES)


def test_pairs_come_by_name(root: Path, draw_pixels: Callable[..., np.ndarray]) -> None:
    data = opened(root)
    assert [item.name for item in data] == ["a", "b", "c"]
    assert (data[0].image == draw_pixels()).all()
    assert all((item.labels == stored()).all() for item in data)
    data.check_every_item()


@pytest.mark.parametrize("mode", ["P", "I", "I;16", "1"])
def test_masks_of_one_channel_in_every_depth(root: Path, mode: str) -> None:
    path = root / "masks" / "a.tif"
    values = stored() if mode != "1" else stored() % 2
    if mode == "P":
        image = Image.fromarray(values)
        image.putpalette([k % 256 for k in range(7, 775)])
    else:
        kind = {"I": np.int32, "I;16": np.uint16, "1": bool}[mode]
        image = Image.fromarray(values.astype(kind))
    assert image.mode == mode
    image.save(path)
    with Image.open(path) as image:
        assert image.mode == mode
    assert (opened(root)[0].labels == values).all()


def test_images_and_masks_may_lie_in_one_folder(root: Path) -> None:
    """As JPEG and PNG of one name, or by the endings of their names."""
    (root / "a_x.jpg").write_bytes((root / "images" / "b.jpg").read_bytes())
    Image.fromarray(stored()).save(root / "a_x.png")
    one = Folder(root, root, CLASSES)
    assert [path.name for path in (*one.photographs, *one.annotations)] == ["a_x.jpg", "a_x.png"]
    (root / "a_x.png").rename(root / "a_x_mask.png")
    Image.new("RGB", (48, 32)).save(root / "b_x.png")
    Image.fromarray(stored()).save(root / "b_x_mask.png")
    two = Folder(root, root, CLASSES)
    assert [path.name for path in two.photographs] == ["a_x.jpg", "b_x.png"]
    assert [path.name for path in two.annotations] == ["a_x_mask.png", "b_x_mask.png"]
    assert (two[1].labels == stored()).all()
    with pytest.raises(InputError, match=r"folder of images .*nowhere does not exist"):
        Folder(root / "nowhere", root / "nowhere", CLASSES)


def test_what_is_not_read_is_noted(root: Path) -> None:
    (root / "masks" / "a.json").touch()
    (root / "masks" / "._a.png").touch()
    assert opened(root).notes == (
        f"folder {root / 'images'}: skipped notes.txt", f"folder {root / 'masks'}: skipped a.json",
    )  # fmt: skip


def test_masks_may_differ_in_size_from_pair_to_pair(root: Path) -> None:
    Image.new("RGB", (5, 4)).save(root / "images" / "b.jpg")
    Image.new("L", (5, 4), 2).save(root / "masks" / "b.png")
    assert [item.labels.shape for item in opened(root)] == [(32, 48), (4, 5), (32, 48)]


@pytest.mark.parametrize(
    ("mask", "rule"),
    [
        (Image.new("L", (48, 32), 3), r"class 3 in 1536 pixels, must be 0\.\.2 or 255"),
        (Image.new("L", (48, 32), 254), r"class 254 in 1536 pixels"),
        (Image.new("I;16", (48, 32), 256), r"class 256 in 1536 pixels"),
        (Image.new("I;16", (48, 32), 65535), r"class 65535 in 1536 pixels"),
        (Image.new("RGB", (48, 32)), "single channel, got mode RGB"),
        (Image.new("RGBA", (48, 32)), "single channel, got mode RGBA"),
        (Image.new("LA", (48, 32)), "single channel, got mode LA"),
        (Image.new("L", (32, 48)), r"shape \(48, 32\), its image \(32, 48\)"),
    ],
)
def test_masks_of_another_kind_are_refused(root: Path, mask: Image.Image, rule: str) -> None:
    mask.save(root / "masks" / "b.png")
    data = opened(root)
    assert data[0].name == "a"  # read on demand: the others are fine
    with pytest.raises(InputError, match=rf"masks/b\.png .*{rule}"):
        data[1]
    with pytest.raises(InputError, match=rf"{rule}.*\(the first of 1 bad items of 3\)"):
        data.check_every_item()


def test_negative_and_fractional_numbers_are_refused(root: Path) -> None:
    path = root / "masks" / "a.tif"
    Image.fromarray(np.full((32, 48), -1, np.int32)).save(path)
    with pytest.raises(InputError, match=r"a\.tif has class -1 in 1536 pixels"):
        opened(root)[0]
    Image.fromarray(np.full((32, 48), 0.5, np.float32)).save(path)
    with pytest.raises(InputError, match="single channel, got mode F"):
        opened(root)[0]


def test_an_unknown_number_is_counted_where_it_is(root: Path) -> None:
    mask = stored()
    mask[2, 5:9] = 7
    mask[3, 0] = 9
    Image.fromarray(mask).save(root / "masks" / "b.png")
    with pytest.raises(InputError, match="class 7 in 4 pixels"):
        opened(root)[1]


def test_all_bad_items_are_counted(root: Path) -> None:
    for name in ("b", "c"):
        Image.new("L", (48, 32), 9).save(root / "masks" / f"{name}.png")
    with pytest.raises(InputError, match=r"b\.png has class 9 .*the first of 2 bad items of 3"):
        opened(root).check_every_item()


def test_damaged_files_are_refused(root: Path) -> None:
    whole = (root / "masks" / "b.png").read_bytes()
    (root / "masks" / "b.png").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"labels .*masks/b\.png cannot be read"):
        opened(root)[1]
    (root / "images" / "a.png").write_text("no image")
    with pytest.raises(InputError, match=r"images/a\.png is no image"):
        opened(root)[0]


def test_missing_partners_are_named_and_counted(root: Path) -> None:
    for name in ("d", "e"):
        Image.new("RGB", (5, 4)).save(root / "images" / f"{name}.png")
    with pytest.raises(InputError, match=r"images/d\.png has no labels \(the first of 2 .*of 5\)"):
        opened(root)
    for name in ("d", "e", "f"):
        Image.new("L", (5, 4)).save(root / "masks" / f"{name}.png")
    with pytest.raises(InputError, match=r"masks/f\.png has no image \(the first of 1 .*of 6\)"):
        opened(root)


def test_two_files_of_one_stem_are_refused(root: Path) -> None:
    Image.new("RGB", (5, 4)).save(root / "images" / "a.jpg")
    with pytest.raises(InputError, match=r"a\.jpg and .*a\.png have one name"):
        opened(root)


def test_missing_and_empty_folders_are_refused(root: Path) -> None:
    (root / "empty").mkdir()
    (root / "empty" / "mask.jpg").touch()  # lossy: no mask
    with pytest.raises(InputError, match=r"of masks .*empty is empty: it needs \.png, \.tif"):
        Folder(root / "images", root / "empty", CLASSES)
    with pytest.raises(InputError, match=r"folder of images .*nowhere does not exist"):
        Folder(root / "nowhere", root / "masks", CLASSES)


def test_classes_have_names_and_colours(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_bytes("\ufeffroad #804080\r\ntraffic light\n  Straße\t#00ff0A \nsky\n\n".encode())
    found = read_classes(path)
    assert found.names == ("road", "traffic light", "Straße", "sky")
    first, second = distinct_colours(2)
    assert found.palette == ((128, 64, 128), first, (0, 255, 10), second)


@given(st.lists(st.text("abz ä-", min_size=1, max_size=5).filter(str.strip), min_size=1))
def test_every_list_of_names_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    wanted = tuple(dict.fromkeys(name.strip() for name in names))
    path = tmp_path_factory.getbasetemp() / "names.txt"
    path.write_text("\n".join(wanted) + "\n", encoding="utf-8")
    found = read_classes(path)
    assert found.names == wanted
    assert len(set(found.palette)) == len(wanted)


def test_a_given_colour_is_given_to_no_other_class(tmp_path: Path) -> None:
    (red, green, blue), *_ = distinct_colours(1)
    path = tmp_path / "names.txt"
    path.write_text(f"one\ntwo #{red:02x}{green:02x}{blue:02x}\nthree\n")
    assert len(set(read_classes(path).palette)) == 3


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "must name 1..255 classes, got 0"),
        ("\n\n", "must name 1..255 classes, got 0"),
        ("\n".join(f"c{k}" for k in range(256)), "must name 1..255 classes, got 256"),
        ("a\n\nb", "line 2: must be a name"),
        ("a\n#ff0000", "line 2: must be a name, or a name and #rrggbb, got '#ff0000'"),
        ("a #ff00", "line 1: must be a name"),
        ("a #gg0000", "line 1: must be a name"),
        ("a\nb\na", "the name 'a' twice"),
        ("a #010203\nb #010203", re.escape("the colour (1, 2, 3) twice")),
        ("a #FFFFFF", "line 1: a class cannot be white"),
    ],
)
def test_lists_that_are_none_are_refused(tmp_path: Path, text: str, rule: str) -> None:
    path = tmp_path / "names.txt"
    path.write_text(text)
    with pytest.raises(InputError, match=rf"names\.txt.*{rule}"):
        read_classes(path)


def test_a_list_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"list of classes .*names\.txt does not exist"):
        read_classes(tmp_path / "names.txt")
    (tmp_path / "names.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"names\.txt cannot be read"):
        read_classes(tmp_path / "names.txt")


def test_the_most_classes_have_255_colours_and_none_is_black_or_white(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("\n".join(f"class {k}" for k in range(255)))
    palette = read_classes(path).palette
    assert len(set(palette)) == 255
    assert not {(0, 0, 0), (255, 255, 255)} & set(palette)


def test_the_colours_of_pascal_voc() -> None:
    """Aeroplane, bicycle, bird, ..., tvmonitor as its segmentations are drawn."""
    colours = distinct_colours(20)
    assert colours[:4] == ((128, 0, 0), (0, 128, 0), (128, 128, 0), (0, 0, 128))
    assert colours[14] == (192, 128, 128)  # person
    assert colours[19] == (0, 64, 128)


@given(st.sets(st.integers(0, 300), min_size=1))
def test_ranges_say_exactly_which_numbers(numbers: set[int]) -> None:
    said: set[int] = set()
    for part in ranges(numbers).split(" or "):
        low, _, high = part.partition("..")
        said |= set(range(int(low), int(high or low) + 1))
    assert said == numbers
    assert ranges([*range(34), 255]) == "0..33 or 255"
