"""Pascal Context: orders of the labels, layouts, and the resize before or after the noise."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy.io import savemat

from segcert.certificates.hierarchies import open_hierarchy
from segcert.data.pascal_context import (
    CLASSES,
    OF_459,
    PALETTE,
    RESIZES,
    VOC_FIRST,
    PascalContext,
    resized_image,
    resized_labels,
)
from segcert.errors import InputError
from segcert.inputs.labels import IGNORE

NAMES = ("2010_000002", "2008_000001")
SIZE = (60, 70)
AS_FILES = "inside the model"


def numbers(largest: int) -> np.ndarray:
    """Every number up to the largest, row by row."""
    return np.resize(np.arange(largest + 1), SIZE[0] * SIZE[1]).reshape(SIZE)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The layout of VOC2010 with converted labels 0..59: two in val, one photograph without."""
    for folder in ("JPEGImages", "SegmentationClassContext", "ImageSets/SegmentationContext"):
        (tmp_path / folder).mkdir(parents=True)
    for name in (*NAMES, "2007_000009"):
        Image.new("RGB", SIZE[::-1], (9, 8, 7)).save(tmp_path / "JPEGImages" / f"{name}.jpg")
    for name in NAMES:
        write_labels(tmp_path, numbers(59), name)
    (tmp_path / "ImageSets" / "SegmentationContext" / "val.txt").write_text("\n".join(NAMES) + "\n")
    return tmp_path


def write_labels(root: Path, labels: np.ndarray, name: str = NAMES[0]) -> None:
    """Write a converted file of labels."""
    path = root / "SegmentationClassContext" / f"{name}.png"
    Image.fromarray(labels.astype(np.uint8)).save(path)


def opened(
    root: Path, *, split: str = "val", order: str = "alphabetical", resize: str = AS_FILES
) -> PascalContext:
    """Open it."""
    return PascalContext(root, split, order, resize)


def test_a_split_comes_in_the_order_of_its_list(root: Path) -> None:
    assert [item.name for item in opened(root)] == list(NAMES)
    assert [item.name for item in opened(root, split="all")] == sorted(NAMES)


def test_all_files_may_lie_in_one_folder(tmp_path: Path) -> None:
    Image.new("RGB", (5, 4)).save(tmp_path / "one.jpg")
    Image.new("L", (5, 4), 2).save(tmp_path / "one.png")
    (item,) = opened(tmp_path, split="all")
    assert (item.labels == CLASSES.index("bag")).all()


@pytest.mark.parametrize(("order", "names"), [("alphabetical", CLASSES), ("voc first", VOC_FIRST)])
def test_numbers_mean_the_names_of_their_order(
    root: Path, order: str, names: tuple[str, ...]
) -> None:
    labels = opened(root, order=order)[0].labels.ravel()
    assert (labels[::60] == IGNORE).all()  # background
    for number, name in enumerate(names, 1):
        assert CLASSES[labels[number]] == name


def test_numbers_from_0_have_255_for_the_background(root: Path) -> None:
    stored = numbers(59)
    stored[stored == 59] = 255
    write_labels(root, stored)
    assert (opened(root, order="alphabetical from 0")[0].labels == stored).all()


def test_an_order_that_cannot_be_is_refused(root: Path) -> None:
    """Numbers from 0 hold 255 where there is background; numbers from 1 hold 59 for wood."""
    with pytest.raises(InputError, match=r"class 59 in \d+ pixels, must be 0\.\.58 or 255"):
        opened(root, order="alphabetical from 0")[0]
    write_labels(root, np.full(SIZE, 255))
    with pytest.raises(InputError, match=r"class 255 in 4200 pixels, must be 0\.\.59"):
        opened(root)[0]
    with pytest.raises(InputError, match=r"must be 0\.\.59.*the first of 1 bad items of 2"):
        opened(root).check_every_item()


def test_the_original_annotation_of_459_classes(root: Path) -> None:
    folder = root / "trainval"
    folder.mkdir()
    for name in NAMES:
        savemat(folder / f"{name}.mat", {"LabelMap": numbers(459).astype(np.uint16)})
    labels = opened(root, order="459")[0].labels.ravel()
    for number in range(460):
        known = number in OF_459
        assert labels[number] == (OF_459.index(number) if known else IGNORE)
    savemat(folder / f"{NAMES[0]}.mat", {"LabelMap": np.full(SIZE, 460, np.uint16)})
    with pytest.raises(InputError, match=r"class 460 .* must be 0\.\.459"):
        opened(root, order="459")[0]
    savemat(folder / f"{NAMES[0]}.mat", {"Other": np.zeros(SIZE)})
    with pytest.raises(InputError, match=r"\.mat cannot be read as LabelMap"):
        opened(root, order="459")[0]


def test_numbers_among_459_are_alphabetical_and_those_of_labels_txt() -> None:
    """Some entries of labels.txt of the original annotation."""
    known = {
        2: "aeroplane", 9: "bag", 45: "bus", 65: "cat", 98: "cow", 113: "dog", 187: "grass",
        284: "person", 360: "sky", 397: "table", 420: "tree", 427: "tvmonitor", 458: "wood",
    }  # fmt: skip
    assert len(OF_459) == 59
    assert list(OF_459) == sorted(set(OF_459))
    assert sum(OF_459) == 12378  # of the 59 numbers in the converters of mmsegmentation and HRNet
    assert sum(number**2 for number in OF_459) == 3917346
    assert {number: CLASSES[OF_459.index(number)] for number in known} == known


def test_classes_are_those_of_the_shipped_hierarchy_in_either_order() -> None:
    tree = open_hierarchy("pascal_context")
    assert tree.names[: tree.classes] == CLASSES
    assert list(CLASSES) == sorted(set(CLASSES))
    assert sorted(VOC_FIRST) == list(CLASSES)
    assert list(VOC_FIRST[:5]) == ["aeroplane", "bicycle", "bird", "boat", "bottle"]
    out_of_order = {42: "curtain", 43: "platform", 44: "sign", 52: "bedclothes"}
    assert {number: VOC_FIRST[number - 1] for number in out_of_order} == out_of_order
    rest = [name for name in VOC_FIRST[20:] if name not in out_of_order.values()]
    assert rest == sorted(rest)
    assert len(set(PALETTE)) == 59
    assert (255, 255, 255) not in PALETTE  # white is abstention


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"order": "voc"}, "label_order, one of 'alphabetical', .*'459', got 'voc'"),
        ({"resize": ""}, "resize, one of 'before noise', 'inside the model', got ''"),
        ({"split": "test"}, r"needs .*SegmentationContext/test\.txt.* missing .*get "),
        ({"order": "459"}, r"trainval/\*\.mat, which are missing: get "),
    ],
)
def test_what_is_not_known_is_refused(root: Path, change: dict[str, str], rule: str) -> None:
    with pytest.raises(InputError, match=rule):
        opened(root, **change)


def test_missing_files_are_named_and_counted(root: Path) -> None:
    listing = root / "ImageSets" / "SegmentationContext" / "val.txt"
    listing.write_text("\n".join([*NAMES, "2007_000009", "2009_000004"]))
    with pytest.raises(InputError, match=r"photograph of 2009_000004 \(the first of 1 .*of 4\)"):
        opened(root)
    listing.write_text("\n".join([*NAMES, "2007_000009"]))
    with pytest.raises(InputError, match=r"labels of 2007_000009 \(the first of 1 .*of 3\)"):
        opened(root)
    listing.write_text("\n")
    with pytest.raises(InputError, match=r"split 'val' of .* is empty"):
        opened(root)
    with pytest.raises(InputError, match=r"JPEGImages/\*\.jpg|Context/\*\.png.*get "):
        opened(root / "ImageSets")


def test_labels_of_another_size_are_refused_before_the_resize(root: Path) -> None:
    write_labels(root, np.zeros((61, 70)))
    for resize in RESIZES:
        with pytest.raises(InputError, match=r"shape \(61, 70\), its image \(60, 70\)"):
            opened(root, resize=resize)[0]


def test_the_choice_of_the_resize_is_in_the_items_and_in_words(root: Path) -> None:
    before, inside = (opened(root, resize=resize) for resize in RESIZES)
    assert before[0].image.shape == (480, 480, 3)
    assert before[0].labels.shape == (480, 480)
    assert (before[0].labels == resized_labels(inside[0].labels)).all()
    assert inside[0].image.shape == (*SIZE, 3)
    assert inside[0].labels.shape == SIZE
    assert before.note.startswith("photographs are resized to 480x480 before the noise")
    assert inside.note.startswith("noise is added to the photographs at the resolution of the file")


@given(st.integers(1, 700), st.integers(1, 700))
def test_labels_take_the_source_pixel_of_the_published_rule(height: int, width: int) -> None:
    """OpenCV's nearest neighbour: floor(i / scale), here without its rounding of the scale."""
    index = np.arange(height)[:, None] * 7 + np.arange(width)
    found = resized_labels((index % 251).astype(np.uint8))
    for row, column in ((0, 0), (479, 479), (479, 0), (100, 333), (241, 7)):
        source = (row * height // 480, column * width // 480)
        assert found[row, column] == (source[0] * 7 + source[1]) % 251
    assert set(np.unique(found)) <= set(np.unique(index % 251))


def linear(image: np.ndarray, size: int) -> np.ndarray:
    """Interpolate between pixel centres along both axes with ``np.interp``: an oracle."""
    for axis in (0, 1):
        length = image.shape[axis]
        places = (np.arange(size) + 0.5) * length / size - 0.5
        image = np.apply_along_axis(
            lambda line, at=places: np.interp(at, np.arange(len(line)), line), axis, image
        )
    return image


@pytest.mark.parametrize("size", [(333, 500), (500, 375), (480, 480), (31, 7), (1, 1)])
def test_photographs_are_interpolated_between_pixel_centres(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    found = resized_image(image)
    assert np.abs(found - linear(image.astype(float), 480)).max() <= 0.5 + 1e-9
    if size == (480, 480):
        assert (found == image).all()


def test_photograph_and_labels_stay_aligned_to_a_pixel() -> None:
    """The published nearest neighbour is off by at most half a source pixel and half a target's."""
    labels = np.zeros((300, 400), np.uint8)
    labels[150:, 200:] = 1
    image = np.repeat((labels * 255)[..., None], 3, axis=2)
    differ = (resized_image(image)[..., 0] > 127) != (resized_labels(labels) > 0)
    assert differ.mean() <= 0.005
    assert (resized_labels(labels)[242:, 242:] == 1).all()


@pytest.fixture(scope="module")
def samples(data_dir: Path) -> PascalContext:
    """The four real photographs, whose labels are in VOC order."""
    return opened(data_dir / "pascal_samples" / "context", split="all", order="voc first")


def present(data: PascalContext) -> dict[str, set[str]]:
    """Names of the classes in each photograph."""
    return {item.name: {CLASSES[k] for k in np.unique(item.labels) if k != IGNORE} for item in data}


@pytest.mark.data
def test_the_real_photographs_show_what_their_labels_say(samples: PascalContext) -> None:
    """Ducks on grass, motorbikes in the air, a bus in a street, a pug on a floor."""
    assert present(samples) == {
        "2008_008376": {"bird", "grass", "ground", "water", "wood"},
        "2009_000637": {"motorbike", "person", "grass", "ground", "sky"},
        "2010_000682": {
            "bus", "car", "person", "building", "grass", "light", "road", "sidewalk", "sky", "tree",
        },
        "2010_003321": {"table", "dog", "person", "cloth", "floor", "wall"},
    }  # fmt: skip
    wrong = present(opened(samples.root, split="all"))
    assert wrong["2008_008376"] == {"bed", "mouse", "person", "water", "wood"}


@pytest.mark.data
def test_grass_is_green_and_sky_is_above(samples: PascalContext) -> None:
    """What only the right order fulfils."""
    greens = 0
    for item in samples:
        grass, sky = (item.labels == CLASSES.index(name) for name in ("grass", "sky"))
        if grass.any():
            red, green, blue = item.image[grass].astype(float).mean(0)
            greens += green > max(red, blue)
        if sky.any():
            assert np.nonzero(sky)[0].mean() < np.nonzero(grass)[0].mean()
    assert greens >= 2


@pytest.mark.data
def test_the_real_photographs_at_480(samples: PascalContext) -> None:
    small = opened(samples.root, split="all", order="voc first", resize="before noise")
    small.check_every_item()
    assert len(small) == 4
    for before, after in zip(samples, small, strict=True):
        assert after.image.shape == (480, 480, 3)
        share = [np.bincount(x.labels.ravel(), minlength=256) / x.labels.size
                 for x in (before, after)]  # fmt: skip
        assert np.abs(share[0] - share[1]).max() < 0.002
