"""Compare counts, and time convolutions and certificates, on one device."""

import time
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from segcert.certificates.segcertify import certify
from segcert.models.adapter import Segmenter
from segcert.models.nets.depthwise import channels_last
from segcert.models.wrapping import as_segmenter
from segcert.models.wrapping_points import as_point_segmenter
from segcert.noise.gaussian import GaussianNoise, LatticeGaussianNoise
from segcert.noise.points import PointNoise
from segcert.sampling.counting import count_block
from segcert.sampling.sampler import sample
from segcert.sampling.setup import make_task
from segcert.sampling.streams import Stage
from segcert.sampling.tally import DrawBlock
from segcert_scenes.streets import street_scene

SIGMA, TAU, ALPHA = 0.25, 0.75, 1e-3
CHECKED_DRAWS = 8
CHANNELS, SIDE, REPEATS = 256, (128, 256), 10  # of the convolution that is timed


@dataclass(frozen=True)
class Row:
    """Cost of one certificate.

    Args:
        name: Model and input.
        draws: All of them.
        seconds: From the input to the certificate.
        bound: Operations over the measured rate of convolutions, seconds; 0 where it says nothing.
        paper: What the paper states, seconds; 0 if nothing.
    """

    name: str
    draws: int
    seconds: float
    bound: float
    paper: float


def wait(device: str) -> None:
    """Wait until a device has done all that was asked."""
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)


def differing_share(net: nn.Module, size: tuple[int, int], *, device: str) -> float:
    """Count the same draws here and on the CPU; share of the counts that differ."""
    image = street_scene(0, height=size[0], width=size[1]).image
    tallies = []
    for where in ("cpu", device):
        task = make_task(
            as_segmenter(net), image, noise=LatticeGaussianNoise(SIGMA), seed=0, device=where,
            stream_kind="cpu",
        )  # fmt: skip
        tallies.append(
            count_block(task, DrawBlock(Stage.TEST, 0, CHECKED_DRAWS), None, batch_size=2).to(
                torch.device("cpu")
            )
        )
    here, there = tallies
    if (here.fingerprints != there.fingerprints).any():
        raise SystemExit("the noisy draws differ from those of the CPU")
    moved = (here.counts.int() - there.counts.int()).abs().sum() / 2
    return float(moved) / (CHECKED_DRAWS * size[0] * size[1])


def convolution_rate(device: str) -> float:
    """Measure the rate of a large 3x3 convolution, floating-point operations a second."""
    layer = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=False).to(device)
    weight = layer.weight.detach().contiguous(memory_format=torch.channels_last)
    x = torch.randn(1, CHANNELS, *SIDE, device=device).contiguous(memory_format=torch.channels_last)
    seconds = []
    for _ in range(REPEATS):
        wait(device)
        start = time.perf_counter()
        functional.conv2d(x, weight, padding=1)
        wait(device)
        seconds.append(time.perf_counter() - start)
    return 2.0 * 9 * CHANNELS**2 * SIDE[0] * SIDE[1] / min(seconds)


def operations(segmenter: Segmenter, size: tuple[int, int], device: str) -> int:
    """Count the floating-point operations of one draw."""
    with FlopCounterMode(display=False) as counter:
        segmenter.output(torch.rand(1, 3, *size, device=device))
    return int(counter.get_total_flops())


def time_image(
    net: nn.Module,
    size: tuple[int, int],
    scale: str,
    n0: int,
    n: int,
    *,
    device: str,
    rate: float,
    paper: float,
    mean: tuple[float, ...],
    std: tuple[float, ...],
) -> Row:
    """Certify one image at one scale."""
    segmenter = as_segmenter(
        channels_last(net.to(device)), mean=mean, std=std, scale=scale, smallest_side=32
    )
    image = street_scene(0, height=size[0], width=size[1]).image
    noise = GaussianNoise(SIGMA)
    sample(segmenter, image, noise=noise, n0=1, n=1, seed=0, device=device)  # warm up
    start = time.perf_counter()
    certify(
        sample(segmenter, image, noise=noise, n0=n0, n=n, seed=0, device=device),
        tau=TAU, alpha=ALPHA,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    bound = (n0 + n) * operations(segmenter, size, device) / rate
    return Row(f"HRNetV2 {size[1]}x{size[0]}, scale {scale}", n0 + n, seconds, bound, paper)


def time_cloud(
    net: nn.Module, points: int, n0: int, n: int, *, device: str, paper: float
) -> Row:  # fmt: skip
    """Certify one cloud; searching for neighbours is most of the work, so no bound is stated."""
    segmenter = as_point_segmenter(net.to(device), category=0, columns=3)
    cloud = torch.randn(points, 3, generator=torch.Generator().manual_seed(0))
    noise = PointNoise(SIGMA)
    sample(segmenter, cloud, noise=noise, n0=1, n=1, seed=0, device=device)
    start = time.perf_counter()
    certify(
        sample(segmenter, cloud, noise=noise, n0=n0, n=n, seed=0, device=device),
        tau=TAU, alpha=ALPHA,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    return Row(f"PointNet++, {points} points, n = {n}", n0 + n, seconds, 0.0, paper)
