"""Counts after several numbers of draws, from one run: the smaller share the larger's draws."""

from collections.abc import Callable
from dataclasses import replace

from segcert.models.adapter import Model
from segcert.models.protocol import SegmentationModel
from segcert.noise.base import AbstractNoise
from segcert.sampling.counts import Counts
from segcert.sampling.inputs import Input
from segcert.sampling.sampler import sample
from segcert.stats.looks import Looks


def sample_several(
    model: Model | SegmentationModel,
    image: Input,
    *,
    noise: AbstractNoise,
    n0: int,
    n: tuple[int, ...],
    seed: int | None = None,
    device: str = "auto",
    batch_size: int | str = "auto",
    progress: Callable[[int, int], None] | None = None,
    at: Callable[[Counts], None] | None = None,
) -> tuple[Counts, ...]:
    """Draw as often as the largest number asks, and take the counts after each number.

    Each counts are those of a run of that many draws by itself: the first draws, whose number was
    fixed beforehand. So a certificate from one of them has the error that it states, whatever the
    others say. Nothing is shared out between them: to pick one after having seen several is
    covered by none of them, unlike `Looks`.

    Args:
        model: See `sample`, as for all arguments that are not here.
        image: The input.
        noise: Of all draws.
        n0: Pilot draws, shared by all.
        n: Numbers of draws, strictly increasing.
        seed: Of all streams.
        device: Where to sample.
        batch_size: Draws that go through the model together.
        progress: Called with draws done and draws in all.
        at: Called with the counts after each number but the last.

    Returns:
        The counts after each number of draws.

    Raises:
        InputError: If ``n`` is empty or does not increase, or as `sample`.

    Source:
        docs/decisions/0011.
    """
    found: list[Counts] = []

    def take(counts: Counts) -> bool:
        found.append(alone(counts))
        if at:
            at(found[-1])
        return False  # draw on, always: what is seen changes nothing

    last = sample(
        model, image, noise=noise, n0=n0, n=Looks(n), stop=take, seed=seed, device=device,
        batch_size=batch_size, progress=progress,
    )  # fmt: skip
    return (*found, alone(last))


def alone(counts: Counts) -> Counts:
    """Counts of a fixed number of draws, as nothing of what was seen could stop them."""
    source = replace(counts.provenance, stop_rule="")
    return replace(counts, sequential=None, provenance=source)
