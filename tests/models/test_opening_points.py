"""Open models of clouds: names that say their options and are read back, programs, refusals."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segcert.data.part_numbers import CATEGORIES, PARTS
from segcert.errors import InputError
from segcert.models.nets.pointnet import PointNet
from segcert.models.opening_points import (
    PointOptions,
    recorded_point_model,
    with_options,
)
from segcert.models.wrapping_points import as_point_segmenter

normals = st.sampled_from([None, "trusted", "recomputed"])


@settings(max_examples=10)
@given(st.sampled_from(CATEGORIES), normals, st.integers(1, 5))
def test_a_recorded_name_is_read_back(category: str, normals: str | None, votes: int) -> None:
    net = PointNet(50, columns=6, categories=16, width=1).eval()
    plain = as_point_segmenter(net, name="net", columns=6)
    told = PointOptions(category, normals, votes)  # type: ignore[arg-type]
    named = with_options(plain, told, categories=True)
    name, again = recorded_point_model(named.name)
    assert name == "net"
    opened = with_options(plain, again, categories=True)
    assert (opened.name, opened.parts, opened.votes, opened.normal_neighbours) == (
        named.name, named.parts, named.votes, named.normal_neighbours,
    )  # fmt: skip
    assert (named.votes, named.parts) == (votes, PARTS[CATEGORIES.index(category)])
    assert bool(named.normal_neighbours) == (normals == "recomputed")


def test_a_category_may_be_a_number() -> None:
    assert PointOptions("11").number == PointOptions("mug").number == 11


@pytest.mark.parametrize("name", ["", "a[b", "a[normals=maybe]"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="no model of point clouds"):
        recorded_point_model(name)
