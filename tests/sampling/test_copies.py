"""Copies of models: weights are shared, all else is apart; no copy of what is not data."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from segcert.models.identity.runtime import Runtime
from segcert.models.nets.slim_pointnet2 import SlimPointNet2
from segcert.models.wrapping import as_segmenter
from segcert.models.wrapping_points import as_point_segmenter
from segcert.sampling.copies import copies_of


class Keeps(nn.Module):
    """A network with a buffer, a list and a tensor besides its weights."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4))
        self.tied = self.net[0]
        self.seen: list[Tensor] = [torch.ones(2)]
        self.register_buffer("grid", torch.ones(3))

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.net(x)
        return found


def test_weights_are_shared_and_all_else_is_apart() -> None:
    first, second, third = copies_of(as_segmenter(Keeps().eval()), 3)
    one, other = first.model, second.model
    assert one is not other
    assert other is not third.model
    assert all(a is b for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert other.tied is other.net[0]
    assert one.seen[0] is not other.seen[0]
    assert one.grid is not other.grid
    assert torch.equal(one.grid, other.grid)
    assert not other.training
    x = torch.rand(1, 3, 5, 5)
    assert torch.equal(first.output(x), second.output(x))


def test_denoisers_are_copied_with_the_model() -> None:
    denoiser = nn.Conv2d(3, 3, 1).eval()
    segmenter = as_segmenter(Keeps().eval(), denoiser=denoiser)
    first, second = copies_of(segmenter, 2)
    assert first.model is segmenter.model
    assert first.denoiser is denoiser  # type: ignore[attr-defined]
    assert second.denoiser is not denoiser  # type: ignore[attr-defined]
    assert second.denoiser.weight is denoiser.weight  # type: ignore[attr-defined]
    assert not copies_of(as_segmenter(Keeps().eval(), denoiser=lambda x: x), 2)


def test_models_of_points_are_copied() -> None:
    net = SlimPointNet2(50, categories=16).eval()
    segmenter = as_point_segmenter(net, category=0, parts=(0, 1), classes=50)
    assert len(copies_of(segmenter, 2)) == 2


def with_lambda() -> nn.Module:
    net = Keeps()
    net.activation = lambda x: x
    return net


def with_hook() -> nn.Module:
    net, features = Keeps(), list[Tensor]()
    net.net.register_forward_hook(lambda _, __, found: features.append(found))
    return net


def with_generator() -> nn.Module:
    net = Keeps()
    net.steps = iter(range(3))
    net.open = open  # a function by its name is data
    net.bits = (bit for bit in range(3))
    return net


@pytest.mark.parametrize("make", [with_lambda, with_hook, with_generator])
def test_models_that_hold_more_than_data_are_not_copied(make: Callable[[], nn.Module]) -> None:
    assert not copies_of(as_segmenter(make().eval()), 2)


def test_functions_and_random_models_are_not_copied() -> None:
    assert not copies_of(as_segmenter(lambda x: x), 2)
    assert not copies_of(as_segmenter(Keeps().eval(), stochastic=True), 2)


def test_what_holds_in_one_thread_only_forbids_copies() -> None:
    segmenter = as_segmenter(Keeps().eval())
    with torch.autocast("cpu"):
        assert not copies_of(segmenter, 2)
    hook = nn.modules.module.register_module_forward_hook(lambda *_: None)
    assert not copies_of(segmenter, 2)
    hook.remove()
    assert len(copies_of(segmenter, 2)) == 2


class Counted:
    """A program that several threads may call."""

    def __init__(self, number: int = 0) -> None:
        self.number = number

    def __call__(self, x: Tensor) -> Tensor:
        return x

    def apart(self, number: int) -> tuple["Counted", ...]:
        return tuple(Counted(one + 1) for one in range(number))


def test_programs_say_how_several_threads_call_them() -> None:
    found = copies_of(as_segmenter(Counted()), 3)
    assert [one.model.number for one in found] == [1, 2, 3]


def test_compiled_networks_are_not_copied() -> None:
    segmenter = replace(as_segmenter(Keeps().eval()), runtime=Runtime("compile"))
    assert not copies_of(segmenter, 2)
