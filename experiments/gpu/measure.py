"""Time convolutions, bare passes and certificates on one device."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from segcert.certificates.segcertify import certify
from segcert.inputs.input import Source
from segcert.models.adapter import Segmenter
from segcert.models.point_segmenter import PointSegmenter
from segcert.models.protocol import SegmentationModel
from segcert.noise.base import AbstractNoise
from segcert.noise.gaussian import GaussianNoise
from segcert.noise.points import PointNoise
from segcert.sampling.sampler import sample
from segcert_scenes.streets import street_scene

SIGMA, TAU, ALPHA = 0.25, 0.75, 1e-3
CHANNELS, SIDE, REPEATS = 256, (128, 256), 10  # of the convolution that is timed


@dataclass(frozen=True)
class Row:
    """Cost of one certificate.

    Args:
        name: Model and input.
        settings: Arithmetic and arrangement, in words.
        draws: All of them, without the four of the check.
        seconds: From the input to the certificate.
        bare: Of as many bare passes of the same network; 0 if not measured.
        operations: Floating-point operations of a draw; 0 where they say nothing.
        paper: What the paper states, seconds; 0 if nothing.
    """

    name: str
    settings: str
    draws: int
    seconds: float
    bare: float = 0.0
    operations: float = 0.0
    paper: float = 0.0

    def share(self, rate: float) -> float:
        """Share of a rate of operations a second that the certificate reaches."""
        return self.operations * self.draws / self.seconds / rate


def wait(device: str) -> None:
    """Wait until a device has done all that was asked."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def seconds_of(work: Callable[[], object], device: str) -> float:
    """Time one call, to the end of what it asked of the device."""
    wait(device)
    start = time.perf_counter()
    work()
    wait(device)
    return time.perf_counter() - start


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """Allow or forbid 10-bit mantissas in convolutions and products."""
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def convolution_rate(device: str, dtype: torch.dtype = torch.float32) -> float:
    """Measure the rate of a large 3x3 convolution, floating-point operations a second."""
    layer = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False).to(device, dtype)
    weight = layer.weight.detach().contiguous(memory_format=torch.channels_last)
    x = torch.randn(1, CHANNELS, *SIDE, device=device, dtype=dtype)
    x = x.contiguous(memory_format=torch.channels_last)
    seconds = [
        seconds_of(lambda: functional.conv2d(x, weight, padding=1), device) for _ in range(REPEATS)
    ]
    return 2.0 * 9 * CHANNELS**2 * SIDE[0] * SIDE[1] / min(seconds)


def operations(segmenter: Segmenter, size: tuple[int, int], device: str) -> int:
    """Count the floating-point operations of one draw."""
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        segmenter.output(torch.rand(1, 3, *size, device=device))
    return int(counter.get_total_flops())


def passes(segmenter: Segmenter, size: tuple[int, int], draws: int, *, device: str) -> float:
    """Seconds of as many passes of the wrapped network alone, resizing included, labels not."""
    batch = torch.rand(1, 3, *size, device=device)

    def bare() -> None:
        with torch.inference_mode():
            for _ in range(draws):
                segmenter.output(batch)

    bare()
    return seconds_of(bare, device)


def time_image(
    segmenter: Segmenter,
    size: tuple[int, int],
    draws: tuple[int, int],
    *,
    device: str,
    name: str,
    settings: str,
    paper: float = 0.0,
    repeats: int = 1,
    flops: bool = True,
) -> Row:
    """Certify one image; the median of some repeats, after a warm-up.

    Args:
        segmenter: The model, on the device.
        size: Height and width, pixels.
        draws: Pilot draws and test draws.
        device: The device.
        name: Of the row.
        settings: Of the row.
        paper: What the paper states, seconds.
        repeats: Certificates, and sets of bare passes.
        flops: Whether operations can be counted: not through a compiler.
    """
    image = street_scene(0, height=size[0], width=size[1]).image
    seconds = certificates(segmenter, image, GaussianNoise(SIGMA), draws, device, repeats)
    bare = [passes(segmenter, size, sum(draws), device=device) for _ in range(repeats)]
    work = operations(segmenter, size, device) if flops else 0
    return Row(name, settings, sum(draws), seconds, median(bare), work, paper)


def time_cloud(
    segmenter: PointSegmenter, points: int, draws: tuple[int, int], *, device: str, paper: float
) -> Row:
    """Certify one cloud; searching for neighbours is most of the work: no operations are said."""
    cloud = torch.randn(points, 3, generator=torch.Generator().manual_seed(0))
    seconds = certificates(segmenter, cloud, PointNoise(SIGMA), draws, device, 1)
    return Row(
        f"PointNet++, {points} points, n = {draws[1]}", "TF32", sum(draws), seconds, paper=paper
    )


def certificates(
    segmenter: SegmentationModel,
    given: Source,
    noise: AbstractNoise,
    draws: tuple[int, int],
    device: str,
    repeats: int,
) -> float:
    """Median seconds of a certificate, from the input."""

    def once(n0: int, n: int) -> None:
        counts = sample(segmenter, given, noise=noise, n0=n0, n=n, seed=0, device=device)
        if n > 1:
            certify(counts, tau=TAU, alpha=ALPHA)

    once(1, 1)  # warm up
    return median(seconds_of(lambda: once(*draws), device) for _ in range(repeats))
