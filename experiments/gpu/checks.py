"""What must be true of a device before anything is timed on it."""

from dataclasses import dataclass

import torch
from torch import nn

from segcert.models.wrapping import as_segmenter
from segcert.noise.gaussian import LatticeGaussianNoise
from segcert.sampling.counting import count_block
from segcert.sampling.setup import make_task
from segcert.sampling.streams import Stage
from segcert.sampling.tally import DrawBlock, Tally
from segcert_scenes.streets import street_scene

SIGMA = 0.25
CHECKED_DRAWS = 8
MOST_DIFFERENT = 2e-2  # share of the counts: labels that tie within the rounding of TF32


@dataclass(frozen=True)
class Check:
    """One thing that must be true.

    Args:
        name: What.
        found: In words or a number.
        passed: Whether it is.
    """

    name: str
    found: str
    passed: bool


def checks(net: nn.Module, size: tuple[int, int], *, device: str) -> list[Check]:
    """Check counts against the CPU, streams and fingerprints.

    Args:
        net: The network, on the CPU.
        size: Height and width of the image, pixels.
        device: The device.
    """
    noisy, share = differences(net, size, device=device)
    again, batch_by_batch, other = [
        drawn(net, size, device=device, seed=seed, batch=batch)
        for seed, batch in ((1, 2), (1, 1), (2, 2))
    ]
    first = drawn(net, size, device=device, seed=1, batch=2)
    prints = first.fingerprints
    return [
        Check(
            "noise of CPU streams, on the device, by its fingerprints",
            f"{noisy} of {CHECKED_DRAWS} draws differ", noisy == 0,
        ),
        Check(
            f"counts against the CPU's, same noise (at most {MOST_DIFFERENT:g} by near ties)",
            f"{share:.2g} of the labels differ", share <= MOST_DIFFERENT,
        ),
        check_same("the device's own streams, drawn again", first, again),
        check_same("noise in batches of one and two", first, batch_by_batch, counts=False),
        Check(
            "another seed gives other draws, and no draw comes twice",
            f"{len({*prints.tolist(), *other.fingerprints.tolist()})} prints of "
            f"{2 * CHECKED_DRAWS} draws",
            len({*prints.tolist(), *other.fingerprints.tolist()}) == 2 * CHECKED_DRAWS,
        ),
    ]  # fmt: skip


def check_same(name: str, one: Tally, other: Tally, *, counts: bool = True) -> Check:
    """Compare two runs, draw by draw."""
    prints = int((one.fingerprints != other.fingerprints).sum())
    moved = int((one.counts.int() - other.counts.int()).abs().sum()) // 2
    found = f"{prints} prints differ, {moved} labels"
    return Check(name, found, prints == 0 and (moved == 0 or not counts))


def differences(net: nn.Module, size: tuple[int, int], *, device: str) -> tuple[int, float]:
    """Count the same draws here and on the CPU: draws, and share of the labels, that differ."""
    here, there = (
        drawn(net, size, device=where, seed=0, batch=2, stream_kind="cpu")
        for where in ("cpu", device)
    )
    prints = int((here.fingerprints != there.fingerprints).sum())
    moved = (here.counts.int() - there.counts.int()).abs().sum() / 2
    return prints, float(moved) / (CHECKED_DRAWS * size[0] * size[1])


def drawn(
    net: nn.Module,
    size: tuple[int, int],
    *,
    device: str,
    seed: int,
    batch: int,
    stream_kind: str | None = None,
) -> Tally:
    """Count a few draws of every class on a device."""
    image = street_scene(0, height=size[0], width=size[1]).image
    task = make_task(
        as_segmenter(net), image, noise=LatticeGaussianNoise(SIGMA), seed=seed, device=device,
        stream_kind=stream_kind,
    )  # fmt: skip
    block = DrawBlock(Stage.TEST, 0, CHECKED_DRAWS)
    return count_block(task, block, None, batch_size=batch).to(torch.device("cpu"))
