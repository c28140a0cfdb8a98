"""The fastest of several: by the shortest of several times, what fails left out."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from segcert.errors import InputError
from segcert.models.adapter import Segmenter
from segcert.models.backends.fastest import ROUNDS, fastest
from segcert.models.wrapping import as_segmenter

BATCH = torch.zeros(1, 3, 4, 4)


class Clock:
    """A clock that the models move."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def timed(name: str, clock: Clock, seconds: Iterator[float]) -> Segmenter:
    def call(batch: Tensor) -> Tensor:
        clock.now += next(seconds)
        return batch

    return as_segmenter(call, name=name)


def test_the_first_run_and_single_slow_ones_do_not_count() -> None:
    """b is slow to warm up and disturbed once, and still the fastest."""
    clock = Clock()
    times = {"a": [2.0, 3.0, 3.0, 3.0], "b": [90.0, 50.0, 2.5, 2.6], "c": [1.0, 2.9, 2.9, 2.9]}
    assert all(len(one) == ROUNDS + 1 for one in times.values())
    candidates = {name: timed(name, clock, iter(one)) for name, one in times.items()}
    made = {name: (lambda found=found: found) for name, found in candidates.items()}
    assert fastest(made, BATCH, clock=clock).name == "b"


def test_what_cannot_be_made_is_left_out_but_not_the_first() -> None:
    def refuses() -> Segmenter:
        raise InputError("not installed")

    good = as_segmenter(lambda x: x, name="good")
    assert fastest({"torch": lambda: good, "other": refuses}, BATCH) is good
    with pytest.raises(InputError, match="not installed"):
        fastest({"torch": refuses, "other": lambda: good}, BATCH)


def test_of_equals_the_first_is_taken() -> None:
    clock = Clock()
    one, other = (timed(name, clock, iter([1.0] * 9)) for name in ("one", "other"))
    assert fastest({"one": lambda: one, "other": lambda: other}, BATCH, clock=clock) is one
