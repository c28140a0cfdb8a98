"""Projected gradient ascent in an l2 ball."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float32
from torch import Tensor

from segcert.attacks.ascent import Ascent, Look
from segcert.attacks.projection import Neighbourhood
from segcert.errors import InputError

OVERSHOOT = 2.5  # all steps together, in radii: enough to cross the ball and to go along its edge


@dataclass(frozen=True, eq=False)
class Attacked:
    """The best input that an attack found.

    Args:
        best: In input units; in the ball and box of the attack.
        gain: What the attack made large.
        reached: Share of the components where the attack was there, by its own look.
        clean: That share at the image itself.
    """

    best: Float32[Tensor, " *shape"]
    gain: float
    reached: float
    clean: float


def pgd(
    look: Look,
    ball: Neighbourhood,
    *,
    steps: int = 40,
    step_size: float | None = None,
    restarts: int = 0,
    rng: torch.Generator,
    progress: Callable[[int, int], None] | None = None,
) -> Attacked:
    """Climb along normalised gradients, projected onto the ball after each step.

    The first climb begins at the image itself, each restart at a random point of the ball. Of all
    images looked at, the best is kept: most components reached, then the largest gain.

    Args:
        look: The model under attack; see `look_at_plain` and `look_at_smoothed`.
        ball: Where to stay.
        steps: Gradient steps of each climb, at least 1.
        step_size: Length of a step, input units; by default 2.5 radii over all steps.
        restarts: How many climbs more, from random points; at least 0.
        rng: Of these points; on the CPU.
        progress: Called with looks done and looks in all.

    Returns:
        The best image, which is in the ball, rounding included.

    Raises:
        InputError: If an argument is out of range.
        ModelError: If the model has no finite gradient.

    Source:
        Madry et al. (2018), section 2.1 (projected gradient, random starts), in its l2 form.
    """
    length = OVERSHOOT * ball.radius / max(steps, 1) if step_size is None else step_size
    if steps < 1 or restarts < 0 or not length > 0:
        raise InputError(
            "an attack needs steps >= 1, restarts >= 0 and a step size > 0, got "
            f"{steps}, {restarts} and {length}"
        )
    total = (1 + restarts) * (steps + 1)
    done = 0

    def seen(x: Float32[Tensor, " *shape"]) -> Ascent:
        nonlocal done
        found = look(x)
        done += 1
        if progress:
            progress(done, total)
        return found

    x = best_image = ball.centre.float()
    found = best = clean = seen(x)
    for climb in range(1 + restarts):
        if climb:
            x = ball.random_point(rng)
            found = seen(x)
        for step in range(steps + 1):
            if (found.reached, found.gain) > (best.reached, best.gain):
                best, best_image = found, x
            if step < steps:
                x = climbed(x, found, length, ball)
                found = seen(x)
    return Attacked(best_image, best.gain, best.reached, clean.reached)


def climbed(
    x: Float32[Tensor, " *shape"], found: Ascent, length: float, ball: Neighbourhood
) -> Float32[Tensor, " *shape"]:
    """Go one step of fixed length up the gradient, and project; stay where it is flat."""
    gradient = found.gradient.double()
    norm = float(gradient.norm())
    if norm == 0:
        return x
    return ball.project(x.double() + gradient * (length / norm))
