"""What is timed, in the order of its importance."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import nn

from segcert.models.adapter import Segmenter
from segcert.models.backends.compiled import Compiled
from segcert.models.backends.precision import Autocast
from segcert.models.nets.depthwise import channels_last
from segcert.models.nets.hrnet import MEAN, STD, HRNetV2
from segcert.models.nets.pointnet2 import PointNet2
from segcert.models.wrapping import as_segmenter
from segcert.models.wrapping_points import as_point_segmenter
from segcert_scenes.streets import street_scene

from .dual_resolution import DualResolution
from .graph import Draws
from .measure import SIGMA, Row, passes, seconds_of, tf32, time_cloud, time_image

IMAGES = {"1": 92.8, "0.5": 75.6, "0.25": 70.0, "multi": 1040.6}  # seconds, n0 = 10, n = 100
CLOUDS = {1000: 54.0, 10_000: 497.0}  # seconds, by n
CITYSCAPES = 19  # classes
PLAIN = "TF32, channels last"


@dataclass(frozen=True)
class Sizes:
    """How large everything is.

    Args:
        width: Of HRNetV2.
        narrow: Of the real-time network.
        image: Height and width, pixels.
        checked: Height and width of the image on which the counts are compared.
        draws: Pilot draws and test draws of an image.
        few: The same, of the real-time network.
        points: Of a cloud.
        scales: Of the image; the first one is measured in every arithmetic.
        clouds: Test draws of a cloud.
        repeats: Certificates of the real-time network.
    """

    width: int = 48
    narrow: int = 32
    image: tuple[int, int] = (1024, 2048)
    checked: tuple[int, int] = (256, 512)
    draws: tuple[int, int] = (10, 100)
    few: tuple[int, int] = (5, 40)
    points: int = 2048
    scales: tuple[str, ...] = tuple(IMAGES)
    clouds: tuple[int, ...] = tuple(CLOUDS)
    repeats: int = 5


@dataclass(frozen=True)
class Nets:
    """Networks with random weights, on the CPU."""

    wide: nn.Module
    real_time: nn.Module
    cloud: nn.Module


@dataclass(frozen=True)
class Work:
    """One row to be measured.

    Args:
        title: What, in words.
        expected: Seconds that it may take on a fast card, warm-up included.
        measure: Does it.
    """

    title: str
    expected: float
    measure: Callable[[], Row]


def nets(sizes: Sizes) -> Nets:
    """Make all networks."""
    return Nets(
        HRNetV2(CITYSCAPES, sizes.width).eval(),
        DualResolution(CITYSCAPES, sizes.narrow).eval(),
        PointNet2().eval(),
    )


def rows(models: Nets, sizes: Sizes, device: str) -> Iterator[Work]:
    """All rows, the most important first."""
    first, *others = sizes.scales
    yield of_wide(models, sizes, device, first, PLAIN)
    yield of_real_time(models, sizes, device, PLAIN)
    for settings in ("bf16, channels last", "TF32, channels last, compiled", "fp32, channels last",
                     "TF32"):  # fmt: skip
        yield of_wide(models, sizes, device, first, settings)
    yield of_graph(models, sizes, device)
    yield of_real_time(models, sizes, device, "bf16, channels last, compiled")
    for scale in others:
        yield of_wide(models, sizes, device, scale, PLAIN)
    for n in sizes.clouds:
        yield of_cloud(models, sizes, device, n)


def of_wide(models: Nets, sizes: Sizes, device: str, scale: str, settings: str) -> Work:
    """HRNetV2 at a scale."""
    height, width = sizes.image
    name = f"HRNetV2-W{sizes.width} {width}x{height}, scale {scale}"

    def measure() -> Row:
        with tf32("fp32" not in settings):
            return time_image(
                wrapped(models.wide, device, settings, scale), sizes.image, sizes.draws,
                device=device, name=name, settings=settings,
                paper=IMAGES.get(scale, 0.0) if settings == PLAIN else 0.0,
                flops="compiled" not in settings,
            )  # fmt: skip

    expected = 120 if scale == "multi" else 60 if "compiled" in settings else 15
    return Work(f"{name}, {settings}", expected, measure)


def of_real_time(models: Nets, sizes: Sizes, device: str, settings: str) -> Work:
    """The real-time network, some certificates of few draws."""
    height, width = sizes.image
    name = f"dual-resolution net {width}x{height}"

    def measure() -> Row:
        with tf32(True):
            return time_image(
                wrapped(models.real_time, device, settings, "1"), sizes.image, sizes.few,
                device=device, name=name, settings=settings, repeats=sizes.repeats,
                flops="compiled" not in settings,
            )  # fmt: skip

    return Work(f"{name}, {settings}", 40 if "compiled" in settings else 10, measure)


def of_graph(models: Nets, sizes: Sizes, device: str) -> Work:
    """Noise, real-time network and counts in one graph: draws only, no certificate."""
    height, width = sizes.image
    name, settings = f"dual-resolution net {width}x{height}", "TF32, channels last, CUDA graph"

    def measure() -> Row:
        image = torch.as_tensor(street_scene(0, height=height, width=width).image)
        net = channels_last(models.real_time.to(device))
        draws = Draws(net, image.permute(2, 0, 1).to(device), SIGMA)
        with tf32(True):
            draws.count(1)
            seconds = seconds_of(lambda: draws.count(sum(sizes.few)), device)
            bare = passes(as_segmenter(net), sizes.image, sum(sizes.few), device=device)
        return Row(name, settings, sum(sizes.few), seconds, bare)

    return Work(f"{name}, {settings}", 10, measure)


def of_cloud(models: Nets, sizes: Sizes, device: str, n: int) -> Work:
    """PointNet++ with n draws."""

    def measure() -> Row:
        segmenter = as_point_segmenter(models.cloud.to(device), category=0, columns=3)
        draws = sizes.draws[0], n
        with tf32(True):
            return time_cloud(
                segmenter, sizes.points, draws, device=device, paper=CLOUDS.get(n, 0.0)
            )

    return Work(f"PointNet++, n = {n}", n / 50, measure)


def wrapped(net: nn.Module, device: str, settings: str, scale: str) -> Segmenter:
    """Wrap a network in an arithmetic and arrangement, by their names."""
    layout = torch.channels_last if "channels last" in settings else torch.contiguous_format
    # torch declares to() without memory_format
    net = net.to(device).to(memory_format=layout)  # type: ignore[call-overload]
    if "bf16" in settings:
        net = Autocast(net, "bf16", name="net")
    if "compiled" in settings:
        net = Compiled(net, name="net")
    return as_segmenter(net, mean=MEAN, std=STD, scale=scale, smallest_side=32)
