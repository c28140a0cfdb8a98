"""Leave the device: counts as arrays, and where they come from."""

import platform
from importlib.metadata import version

import numpy as np
import torch
from jaxtyping import Int16
from torch import Tensor, nn

from segcert.models.identity.runtime import TORCH, Runtime
from segcert.models.protocol import SegmentationModel, WrappedModel
from segcert.sampling.counting import Task
from segcert.sampling.counts import Counts, Provenance
from segcert.sampling.tally import Tally
from segcert.stats.sequential import Sequential


def most_frequent(tally: Tally) -> Int16[Tensor, " *components"]:
    """Most frequent class of each component; the first of equals."""
    return tally.counts.argmax(0).to(torch.int16)


def to_counts(
    task: Task,
    pilot: Tally,
    test: Tally,
    guess: Tensor | None,
    *,
    sequential: Sequential | None = None,
    stop_rule: str = "",
) -> Counts:
    """Leave the device: counts as arrays, with their provenance."""
    class_counts = None if guess is not None else test.counts
    labels = most_frequent(test) if guess is None else guess
    hits = test.counts if class_counts is None else class_counts.amax(0)
    pilot_hits = None if guess is None else hits_of(pilot, guess)
    margins = pilot.margins
    promise = None if margins is None else margins.promise(labels, pilot.draws)
    return Counts(
        labels=labels.cpu().numpy(),
        hits=hits.cpu().numpy().astype(np.int32),
        pilot_hits=None if pilot_hits is None else pilot_hits.cpu().numpy().astype(np.uint16),
        promise=None if promise is None else promise.cpu().numpy(),
        class_counts=None if class_counts is None else class_counts.cpu().numpy().astype(np.int32),
        n0=pilot.draws,
        n=test.draws,
        sequential=sequential,
        classes=task.classes,
        class_names=task.segmenter.class_names,
        palette=task.segmenter.palette,
        noise=task.noise,
        invalid=pilot.invalid + test.invalid,
        pilot_fingerprints=pilot.fingerprints,
        test_fingerprints=test.fingerprints,
        provenance=provenance(task, pilot, test, stop_rule),
    )


def hits_of(tally: Tally, guess: Int16[Tensor, " *components"]) -> Tensor:
    """How often each component got the guessed class."""
    return tally.counts.gather(0, guess[None].long())[0]


def provenance(task: Task, pilot: Tally, test: Tally, stop_rule: str) -> Provenance:
    """Write down where counts come from."""
    device = task.x.device
    on_cuda = device.type == "cuda"
    return Provenance(
        input_sha256=task.streams.input_sha256,
        input_shape=tuple(task.x.shape),
        input_dtype=str(task.x.dtype).removeprefix("torch."),
        model=task.segmenter.name,
        weights_sha256=task.segmenter.weights_sha256,
        scale=scale_of(task.segmenter),
        seed=task.streams.seed,
        stop_rule=stop_rule,
        streams=task.streams.kind,
        device=device.type,
        device_name=torch.cuda.get_device_name(device) if on_cuda else platform.machine(),
        precision=precision(task.segmenter, on_cuda=on_cuda),
        pilot_runs=pilot.runs,
        test_runs=test.runs,
        versions=(
            ("segcert", version("segcert")),
            ("python", platform.python_version()),
            ("torch", torch.__version__),
            ("numpy", np.__version__),
            *runtime_of(task.segmenter).versions,
        ),
        backend=runtime_of(task.segmenter).backend,
        identity_sha256=task.segmenter.identity_sha256,
        stream_version=task.streams.version,
    )


def scale_of(segmenter: SegmentationModel) -> str:
    """Resizing inside the base model, as records have it; "1" is none."""
    return segmenter.scale_text if isinstance(segmenter, WrappedModel) else "1"


def runtime_of(segmenter: SegmentationModel) -> Runtime:
    """What runs the base model; PyTorch, if it does not say."""
    return segmenter.runtime if isinstance(segmenter, WrappedModel) else TORCH


def precision(segmenter: SegmentationModel, *, on_cuda: bool) -> str:
    """Name the arithmetic of the model."""
    runtime = runtime_of(segmenter)
    if not runtime.exact:
        return runtime.arithmetic
    on_cuda = on_cuda and runtime.backend != "openvino"  # which computes on the CPU
    dtype = torch.float32
    if isinstance(segmenter.model, nn.Module):
        dtype = next((p.dtype for p in segmenter.model.parameters()), dtype)
    name = str(dtype).removeprefix("torch.")
    uses_tf32 = on_cuda and dtype == torch.float32 and torch.backends.cudnn.allow_tf32
    return f"{name} (tf32 convolutions)" if uses_tf32 else name
