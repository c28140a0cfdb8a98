"""What the kinds of inputs decide."""

import pickle

import numpy as np
import pytest
import torch

from segcert.errors import InputError
from segcert.inputs.kind import CLOUD, IMAGE, KINDS, InputKind, components_of, kind_of
from segcert.models.adapter import Segmenter
from segcert.models.point_segmenter import PointSegmenter

EVERY = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.word)


@pytest.mark.parametrize(
    ("shape", "kind", "components"),
    [
        ((3, 4, 5), IMAGE, (4, 5)),
        ((1, 2, 4, 5), IMAGE, (2, 4, 5)),
        ((7, 3), CLOUD, (7,)),
        ((7, 6), CLOUD, (7,)),
    ],
)
def test_the_number_of_axes_tells(
    shape: tuple[int, ...], kind: InputKind, components: tuple[int, ...]
) -> None:
    assert kind_of(shape) == kind_of(torch.zeros(shape)) == kind
    assert components_of(shape) == components_of(torch.zeros(shape)) == components


@EVERY
def test_a_kind_is_the_same_in_another_process(kind: InputKind) -> None:
    """Tables have kinds as keys, and inputs travel to workers."""
    again = pickle.loads(pickle.dumps(kind))
    assert {kind: "found"}[again] == "found"
    assert [again == one for one in KINDS].count(True) == 1


def test_kinds_share_no_suffix_and_no_word() -> None:
    suffixes = [suffix for kind in KINDS for suffix in kind.suffixes]
    assert len(set(suffixes)) == len(suffixes)
    assert len({kind.word for kind in KINDS}) == len(KINDS)
    assert all(set(kind.telling) <= set(kind.suffixes) for kind in KINDS)


def test_every_model_says_what_it_takes() -> None:
    assert (Segmenter.kind, PointSegmenter.kind) == (IMAGE, CLOUD)


@EVERY
def test_what_an_attack_may_change_and_what_it_may_not(kind: InputKind) -> None:
    x = torch.rand({"image": (3, 4, 5), "cloud": (7, 6)}[kind.word])
    free = kind.free(x)
    assert torch.equal(kind.with_free(x, free), x)
    moved = kind.with_free(x, free + 1)
    assert torch.equal(kind.free(moved), free + 1)
    kept = (moved == x).sum()
    assert int(kept) == {"image": 0, "cloud": 21}[kind.word]  # the normals


def test_masks_are_of_pixels_and_of_the_size_of_the_image() -> None:
    mask = np.zeros((4, 5), bool)
    IMAGE.check_mask(mask, (4, 5))
    with pytest.raises(InputError, match="has 5x4 pixels, an image has 6x4: one mask serves"):
        IMAGE.check_mask(mask, (4, 6))
    with pytest.raises(InputError, match="clouds are certified at every point"):
        CLOUD.check_mask(mask, (20,))
