"""Shapes and types are checked in tests, but for functions that are made anew in each call."""

import checked_types
import jaxtyping
import numpy as np
import pytest

from segcert.stats.promise import promises_of_ratios


def test_a_wrong_shape_and_a_wrong_type_are_noticed() -> None:
    with pytest.raises(jaxtyping.TypeCheckError):
        promises_of_ratios(np.zeros((2, 2)))
    with pytest.raises(jaxtyping.TypeCheckError):
        promises_of_ratios(np.zeros(2, np.float32))


@pytest.mark.parametrize("first", [0, 1])
def test_the_first_case_of_a_test_is_checked(first: int) -> None:
    assert jaxtyping.config.jaxtyping_disable == (first > 0 and not checked_types.EVERYWHERE)


def test_inner_functions_and_only_they_are_left_as_they_are() -> None:
    def inner(x: int) -> int:
        return x

    class Inner:
        x: int

    decorate = checked_types.jaxtyped(typechecker=checked_types.check)
    assert decorate(inner) is inner
    assert decorate(Inner) is Inner  # decorated in place
    outer = decorate(checked_types.jaxtyped)
    assert outer is not checked_types.jaxtyped
