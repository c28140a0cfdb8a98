"""Evenly spaced subsets."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segcert.data.labelled import AbstractLabelled, LabelledImage
from segcert.data.subset import evenly_spaced
from segcert.errors import InputError


@dataclass(frozen=True)
class Numbers(AbstractLabelled):
    """Images that are called by their index."""

    size: int

    def __len__(self) -> int:
        return self.size

    def item(self, index: int) -> LabelledImage:
        assert 0 <= index < self.size
        return LabelledImage(str(index), np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.uint8))


def published(size: int, count: int) -> list[int]:
    """The rule as the published code applies it: of every m-th, the first ``count``."""
    m = size // count
    return [index for index in range(size) if index % m == 0][:count]


@given(st.data())
def test_the_rule_is_that_of_the_published_code(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 3000))
    count = data.draw(st.integers(1, size))
    part = evenly_spaced(Numbers(size), count)
    assert list(part.numbers) == published(size, count)
    assert len(part) == count


def test_the_protocol_on_cityscapes_and_pascal_context() -> None:
    assert evenly_spaced(Numbers(500), 100).numbers == tuple(range(0, 500, 5))
    part = evenly_spaced(Numbers(5105), 100)
    assert part.numbers[:3] == (0, 51, 102)
    assert part.numbers[-1] == 5049
    assert len(part.numbers) == 100


def test_a_subset_is_a_sequence_of_its_images() -> None:
    part = evenly_spaced(Numbers(10), 3)
    assert [item.name for item in part] == ["0", "3", "6"]
    assert part[-1].name == "6"
    assert [item.name for item in part[1:]] == ["3", "6"]
    with pytest.raises(IndexError):
        part[3]
    assert [item.name for item in evenly_spaced(part, 2)] == ["0", "3"]


@pytest.mark.parametrize("count", [0, -1, 11])
def test_impossible_numbers_are_refused(count: int) -> None:
    with pytest.raises(InputError, match=rf"1\.\.10 images.*got {count}"):
        evenly_spaced(Numbers(10), count)
