"""The gradient averaged over noise around an attacked image."""

import numpy as np
import pytest
import torch
from torch import Tensor

from segcert.attacks.objective import objective
from segcert.attacks.smoothed import look_at_smoothed
from segcert.errors import InputError
from segcert.models.wrapping import as_segmenter
from segcert.noise.gaussian import GaussianNoise
from segcert.sampling.streams import PhiloxStream, Stage, Streams

CPU = torch.device("cpu")


def streams(seed: int = 1) -> Streams:
    return Streams(seed, "image", CPU, "cpu")


def bent(x: Tensor) -> Tensor:
    """Scores whose gradient differs from point to point."""
    return torch.cat([torch.sin(9 * x), torch.cos(7 * x)], 1)


def test_gradient_is_the_mean_over_the_draws_of_the_attack() -> None:
    """By finite differences of the mean loss over the same noise, without rounding."""
    x = torch.rand(1, 2, 3, generator=torch.Generator().manual_seed(0))
    goal = objective(torch.tensor([[0, 1, 0], [1, 255, 0]]), device=CPU)
    noise = GaussianNoise(0.1)
    look = look_at_smoothed(as_segmenter(bent), goal, noise, streams(), draws=5)
    shifts = [
        noise.sample(0 * x, 1, rng=streams().of_draw(Stage.ATTACK, draw)).double()
        for draw in range(5)
    ]

    def mean_gain(at: Tensor) -> float:
        return sum(float(goal.gain(bent(at + shift)).mean()) for shift in shifts) / 5

    found = look(x)
    assert found.gain == pytest.approx(mean_gain(x.double()), rel=1e-5)
    for where in np.ndindex(1, 2, 3):
        step = torch.zeros(1, 2, 3, dtype=torch.float64)
        step[where] = 1e-5
        slope = (mean_gain(x + step) - mean_gain(x - step)) / 2e-5
        assert float(found.gradient[where]) == pytest.approx(slope, abs=2e-5)
    assert float(found.gradient[0, 1, 1]) == 0  # ignored


def test_each_look_takes_fresh_draws_of_the_stage_of_attacks() -> None:
    opened = []

    class Watched(Streams):
        def of_draw(self, stage: Stage, draw: int) -> PhiloxStream:
            opened.append((stage, draw))
            return super().of_draw(stage, draw)

    goal = objective(torch.zeros(2, 3, dtype=torch.int64), device=CPU)
    look = look_at_smoothed(
        as_segmenter(bent), goal, GaussianNoise(0.1), Watched(1, "image", CPU, "cpu"), draws=2
    )
    x = torch.rand(1, 2, 3)
    assert look(x).gain != look(x).gain
    assert opened == [(Stage.ATTACK, draw) for draw in range(4)]
    words = [streams().of_draw(stage, 0).words((1,)).item() for stage in Stage]
    assert len(set(words)) == len(Stage)


def test_no_draws_are_refused() -> None:
    goal = objective(torch.zeros(2, 3, dtype=torch.int64), device=CPU)
    with pytest.raises(InputError, match="draws >= 1"):
        look_at_smoothed(as_segmenter(bent), goal, GaussianNoise(0.1), streams(), draws=0)
