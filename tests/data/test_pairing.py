"""Images and masks are paired by what their names have in common."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcert.data.pairing import OF_MASKS, Affix, best_of, choose, pair
from segcert.errors import InputError

NAMES = st.lists(
    st.text("ab01_", min_size=1, max_size=6).filter(lambda name: name.strip("_")),
    min_size=2, max_size=6, unique=True,
)  # fmt: skip


def files(*stems: str) -> dict[str, Path]:
    """Files by their stems."""
    return {stem: Path(f"{stem}.png") for stem in stems}


def paired(images: tuple[str, ...], masks: tuple[str, ...]) -> list[tuple[str, str]]:
    """The stems of each pair."""
    found = pair(files(*images), files(*masks), "way out")
    return [(found.images[name].stem, found.masks[name].stem) for name in found.images]


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        (("a", "b"), ("a", "b")),
        (("a", "b"), ("a_mask", "b_mask")),
        (("a", "b"), ("a_whatever.v2", "b_whatever.v2")),
        (("1", "11"), ("1_mask", "11_mask")),
        (("a", "a_b"), ("a_gt", "a_b_gt")),
        (("a_leftImg8bit", "b_leftImg8bit"), ("a_gtFine_labelIds", "b_gtFine_labelIds")),
        (("a_leftImg8bit",), ("a_gtFine_labelTrainIds",)),
        (("img_001", "img_002"), ("mask_001", "mask_002")),
        (("img-1.x", "img-2.x"), ("seg-1.y", "seg-2.y")),
        (("0016E5_1",), ("0016E5_1_L",)),
        (("x",), ("x_segmentation",)),
        (("ISIC_01", "ISIC_02"), ("ISIC_01_segmentation", "ISIC_02_segmentation")),
    ],
)
def test_names_that_differ_alike_are_pairs(images: tuple[str, ...], masks: tuple[str, ...]) -> None:
    assert paired(images, masks) == list(zip(images, masks, strict=True))


def test_the_masks_that_count_are_chosen_from_known_kinds() -> None:
    kinds = ("gtFine_color", "gtFine_labelIds", "gtFine_instanceIds")
    masks = tuple(f"{name}_{kind}" for name in "ab" for kind in kinds)
    found = pair(files("a_leftImg8bit", "b_leftImg8bit"), files(*masks), "")
    assert [path.stem for path in found.masks.values()] == [f"{n}_gtFine_labelIds" for n in "ab"]
    assert len(found.left_out) == 4
    assert choose([Affix("", "_x"), Affix()]) == Affix()
    with pytest.raises(InputError, match=r"are NAME_1, NAME_2: keep one kind"):
        pair(files("a", "b"), files("a_1", "b_1", "a_2", "b_2"), "")


@pytest.mark.parametrize(
    ("images", "masks", "rule"),
    [
        (("a", "b"), ("a",), r"b\.png has no labels \(the first of 1 without, of 2\).*way out"),
        (("a", "b", "c"), ("a_mask", "b_mask"), r"c\.png has no labels"),
        (("a", "b"), ("a", "b", "c"), r"c\.png has no image"),
        (("a", "b"), ("a_mask", "b_mask", "other"), r"other\.png has no image"),
        (("a", "b"), ("c", "d"), r"a\.png has no labels \(the first of 2"),
    ],
)
def test_what_is_alone_is_refused(
    images: tuple[str, ...], masks: tuple[str, ...], rule: str
) -> None:
    with pytest.raises(InputError, match=rule):
        pair(files(*images), files(*masks), "way out")


@given(NAMES, st.sampled_from(OF_MASKS))
def test_any_names_with_a_known_ending_are_paired(names: list[str], ending: str) -> None:
    masks = [name + ending for name in names]
    assert paired(tuple(names), tuple(masks)) == sorted(zip(names, masks, strict=True))
    assert best_of(names, masks)[:2] == (Affix(), Affix("", ending))


@given(NAMES)
def test_equal_names_are_paired_as_they_are(names: list[str]) -> None:
    assert paired(tuple(names), tuple(names)) == [(name, name) for name in sorted(names)]
