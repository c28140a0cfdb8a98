"""Batches of a fixed size: every draw once, in its place, and no copy among them."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from segcert.errors import ModelError
from segcert.models.confined.chunks import check_image_shape, in_chunks, only_tensor


@given(st.integers(1, 9), st.sampled_from([None, 1, 2, 3, 4, 11]))
def test_chunks_change_nothing_but_the_calls(draws: int, size: int | None) -> None:
    seen: list[Tensor] = []

    def call(chunk: Tensor) -> Tensor:
        seen.append(chunk)
        return chunk.sum((1, 2, 3))

    batch = torch.rand(draws, 3, 2, 2, generator=torch.Generator().manual_seed(draws))
    assert torch.equal(in_chunks(call, batch, size), batch.sum((1, 2, 3)))
    assert all(len(chunk) == (size or draws) for chunk in seen)
    flat = torch.cat(seen)
    assert torch.equal(flat[draws:], batch[-1:].expand(len(flat) - draws, -1, -1, -1))


def test_gradients_reach_every_draw_once() -> None:
    batch = torch.rand(5, 3, 2, 2).requires_grad_()
    (slope,) = torch.autograd.grad(in_chunks(lambda x: x.square(), batch, 3).sum(), batch)
    torch.testing.assert_close(slope, 2 * batch.detach())


def test_sizes_that_are_not_taken_are_refused() -> None:
    check_image_shape("net", (3, None, 32), (3, 7, 32))
    with pytest.raises(ModelError, match=r"net takes .* = 3 x any x 32, got 3 x 7 x 31 \("):
        check_image_shape("net", (3, None, 32), (3, 7, 31))


def test_the_scores_are_found_by_name_or_as_the_only_output() -> None:
    one, other = torch.zeros(1), torch.ones(2)
    for output in (one, (one,), [one], {"x": one}, {"aux": other, "out": one}, {"logits": one}):
        assert only_tensor("net", output) is one
    for several in ((one, other), {"a": one, "b": other}, "text", ()):
        with pytest.raises(ModelError, match="net must return one tensor"):
            only_tensor("net", several)
