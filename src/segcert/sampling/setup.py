"""Prepare sampling: read the input, choose device and batch, refuse what cannot be certified."""

import math
from dataclasses import replace

import torch
from torch import nn

from segcert.errors import InputError, ModelError
from segcert.inputs.input import Source, read
from segcert.inputs.kind import fitted_noise
from segcert.models.adapter import Model
from segcert.models.fits import check_fits
from segcert.models.protocol import SegmentationModel
from segcert.models.resizing.outputs import check_class_number
from segcert.models.wrapping import as_segmenter
from segcert.noise.base import AbstractNoise
from segcert.sampling.axes import check_axes
from segcert.sampling.counting import Task
from segcert.sampling.counts import MOST_CLASS_COUNTS
from segcert.sampling.margins import MOST_PILOT_DRAWS
from segcert.sampling.mixing import check_draws_are_independent
from segcert.sampling.streams import Streams, fresh_seed
from segcert.sampling.team import team_of

COMPONENTS_PER_BATCH = (2**18, 2**24)  # automatic batch on a CPU (caches) and on CUDA (occupancy)
LARGEST_BATCH = 32
MOST_TOGETHER = 2**20  # draws that may be asked to go through the model together


def check_draw_numbers(n0: int, n: int) -> None:
    """Refuse impossible numbers of draws.

    Raises:
        InputError: If ``n0`` is negative or above 32767, or ``n`` is not positive.
    """
    if n0 < 0:
        raise InputError(f"n0 must be >= 0 (0 is the test without pilot), got {n0}")
    if n0 > MOST_PILOT_DRAWS:
        raise InputError(f"n0 must be at most {MOST_PILOT_DRAWS}, got {n0}: count them as n")
    if n < 1:
        raise InputError(f"n must be >= 1, got {n}")


def make_task(
    model: Model | SegmentationModel,
    image: Source,
    *,
    noise: AbstractNoise,
    seed: int | None,
    device: str,
    stream_kind: str | None = None,
    stream_version: int = 0,
    batch_size: int | str = "auto",
    recorded: bool = False,
    workers: int | None = None,
) -> Task:
    """Read the input, wrap the model, open the streams, and check that the model may be used.

    Args:
        model: As for `sample`.
        image: As for `sample`.
        noise: As for `sample`.
        seed: In [0, 2^128); None takes a fresh one.
        device: As for `sample`.
        stream_kind: Of the streams; None is that of the device.
        stream_version: Of the streams; 0 is the newest one.
        batch_size: Draws that are to go through the model together. A model that draws randomness
            of its own gets more than one only if that is asked for by a number above 1.
        recorded: Whether the noise is one of a certificate, to be drawn as it is: that of format
            version 2 has no grid.
        workers: Passes side by side on a CPU, if the model allows it; None is as many as torch has
            threads, if that is not slower. No count depends on it.
    """
    check_batch_size(batch_size)
    task = unchecked_task(
        model, image, noise=noise, seed=seed, device=device, stream_kind=stream_kind,
        stream_version=stream_version, recorded=recorded, workers=workers,
    )  # fmt: skip
    batched = isinstance(batch_size, int) and batch_size > 1
    checked = check_draws_are_independent(
        task, batched=batched,
        batch_size=choose_batch_size(batch_size, task) if workers is None else None,
    )  # fmt: skip
    output = checked.output
    classes = task.segmenter.count_classes(output)
    check_class_number(classes, name=task.segmenter.name)
    check_named_classes(task.segmenter, classes)
    check_axes(task, output, classes)
    return replace(task, classes=classes, largest_batch=checked.largest_batch, team=checked.team)


def check_named_classes(segmenter: SegmentationModel, classes: int) -> None:
    """Refuse names or colours of another number of classes than the model gives.

    Raises:
        ModelError: With both numbers.
    """
    for word, given in (("class names", segmenter.class_names), ("colours", segmenter.palette)):
        if given and len(given) != classes:
            raise ModelError(
                f"model {segmenter.name} gives {classes} classes and has {len(given)} {word}: "
                "name each class once, in the order of the scores, or none"
            )


def unchecked_task(
    model: Model | SegmentationModel,
    image: Source,
    *,
    noise: AbstractNoise,
    seed: int | None,
    device: str,
    stream_kind: str | None = None,
    stream_version: int = 0,
    recorded: bool = False,
    workers: int | None = None,
) -> Task:
    """As `make_task`, for a model that was checked on this input before; 0 classes are known."""
    segmenter, given = as_base_model(model), read(image)
    check_fits(given, segmenter)
    where = choose_device(device, segmenter)
    segmenter.to(where)
    seed = fresh_seed() if seed is None else seed  # after the input is fixed
    kind = stream_kind or stream_kind_of(where)
    streams = Streams(seed, given.sha256, where, kind, stream_version)
    fitting = noise if recorded else fitted_noise(noise, given.tensor)
    team = team_of(segmenter, where, workers)
    return Task(segmenter, given.tensor.to(where), fitting, streams, classes=0, team=team)


def check_class_counts(task: Task) -> None:
    """Refuse, before the first draw, more counts than a certificate may hold.

    Raises:
        InputError: With the way out.
    """
    cells = task.classes * math.prod(task.components)
    if cells > MOST_CLASS_COUNTS:
        raise InputError(
            f"n0 = 0 counts every class at every component, {cells} numbers, and a certificate "
            f"holds at most {MOST_CLASS_COUNTS}: use n0 >= 1"
        )


def as_base_model(model: Model | SegmentationModel) -> SegmentationModel:
    """Take a base model as it is; wrap a function or a module as a model of images."""
    return model if isinstance(model, SegmentationModel) else as_segmenter(model)


def stream_kind_of(device: torch.device) -> str:
    """Choose the streams of a device: its own on CUDA, those of the CPU elsewhere."""
    return "cuda" if device.type == "cuda" else "cpu"


def choose_device(device: str, segmenter: SegmentationModel) -> torch.device:
    """Choose the device: as told, else where the model is, else CUDA if there is one.

    Raises:
        InputError: If the device does not exist.
    """
    if device == "auto":
        if isinstance(segmenter.model, nn.Module):
            for parameter in segmenter.model.parameters():
                return parameter.device
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return find_device(device)


def find_device(device: str) -> torch.device:
    """Find a device by its name.

    Raises:
        InputError: If this machine has none such.
    """
    rule = f"device must be 'auto', 'cpu' or a CUDA device of this machine, got {device!r}"
    try:
        found = torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        raise InputError(rule) from error
    if found.type not in ("cpu", "cuda"):
        raise InputError(rule)
    return found


def check_batch_size(batch_size: int | str) -> None:
    """Refuse an impossible number of draws that go through the model together.

    Raises:
        InputError: If it is neither "auto" nor a number in [1, 2^20].
    """
    if batch_size != "auto" and not (isinstance(batch_size, int) and batch_size >= 1):
        raise InputError(f"batch_size must be 'auto' or an integer >= 1, got {batch_size!r}")
    if isinstance(batch_size, int) and batch_size > MOST_TOGETHER:
        raise InputError(f"batch_size must be at most {MOST_TOGETHER}, got {batch_size}")


def choose_batch_size(batch_size: int | str, task: Task) -> int:
    """Choose how many draws go through the model together.

    Raises:
        InputError: If it is neither "auto" nor positive.
    """
    check_batch_size(batch_size)
    if isinstance(batch_size, int):
        return batch_size
    return automatic_batch_size(
        task.components, on_cuda=task.x.device.type == "cuda", stochastic=task.segmenter.stochastic
    )


def automatic_batch_size(components: tuple[int, ...], *, on_cuda: bool, stochastic: bool) -> int:
    """Choose a batch by the size of the input and the type of the device.

    Draws of a model with randomness of its own go one by one: then they can share none of it.
    """
    if stochastic:
        return 1
    fitting = max(1, COMPONENTS_PER_BATCH[on_cuda] // math.prod(components))
    return int(min(LARGEST_BATCH, 2 ** int(math.log2(fitting))))
