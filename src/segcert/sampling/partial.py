"""Unfinished work, and what it is bound to: the very arguments that began it.

A number of draws that was fixed is one of them. Work on ``n = 100`` draws that was looked at and
then went on to 200 would be a second look at a whole alpha: planned looks are for that
(docs/decisions/0009).
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, replace
from numbers import Real

import torch

from segcert.errors import InputError
from segcert.noise.base import AbstractNoise
from segcert.sampling.conclude import precision, runtime_of, scale_of
from segcert.sampling.counting import Task
from segcert.sampling.streams import versions_of
from segcert.sampling.tally import Tally, no_draws
from segcert.stats.looks import Looks
from segcert.stats.sequential import Sequential

WORDS = {
    "input_sha256": "input", "weights_sha256": "weights", "stop_rule": "stop",
    "identity_sha256": "weights and configuration",
}  # fmt: skip
LONGEST = 60  # characters of a value in a message


class OtherWorkError(InputError):
    """Unfinished work was begun with other arguments."""


@dataclass(frozen=True)
class Identity:
    """Everything that decides what draws are made, and how many there may be.

    Args:
        input_sha256: Hash of type, shape and values of the input.
        noise: The noise of all draws, with its scale.
        n0: Pilot draws.
        n: Test draws: the number that was fixed, or the looks that were planned.
        stop_rule: Name of the rule that may stop at a look, or empty.
        seed: Of all streams.
        streams: Kind of the streams, "cpu" or "cuda".
        classes: Number of classes of the model.
        model: Name of the model.
        weights_sha256: Hash of its weights, or "none" for a plain function.
        scale: Resizing inside the base model.
        backend: What runs the model.
        precision: Arithmetic of the model on these devices.
        identity_sha256: Hash of weights and configuration; see
            `segcert.models.identity.configuration`.
        stream_version: Of the streams; see `segcert.sampling.streams`.
    """

    input_sha256: str
    noise: str
    n0: int
    n: str
    stop_rule: str
    seed: int
    streams: str
    classes: int
    model: str
    weights_sha256: str
    scale: str
    backend: str
    precision: str
    identity_sha256: str = ""
    stream_version: int = 1

    def differences(self, begun: "Identity") -> str:
        """Say in words what differs from the identity of work that was begun; empty if nothing."""
        return ", ".join(
            f"{WORDS.get(name, name)} {shortened(was)} -> {shortened(now)}"
            for (name, now), was in zip(
                dataclasses.asdict(self).items(), dataclasses.astuple(begun), strict=True
            )
            if now != was
        )


@dataclass(frozen=True, eq=False)
class Partial:
    """Work done so far on one input: pilot draws, and test draws once the pilot is complete.

    Args:
        pilot: The pilot draws.
        test: The test draws.
        identity: What they are draws of.
    """

    pilot: Tally
    test: Tally
    identity: Identity

    def to(self, device: torch.device) -> "Partial":
        """Move to a device."""
        return Partial(self.pilot.to(device), self.test.to(device), self.identity)


@dataclass(frozen=True)
class Keeping:
    """How unfinished work is kept; it changes no result.

    Args:
        after_block: Called after each block of batches with the work so far, which can be stored.
        ends_block: Asked after each batch whether the block ends there.
    """

    after_block: Callable[[Partial], None] = lambda _: None
    ends_block: Callable[[], bool] | None = None


def identity_of(task: Task, *, n0: int, n: int | Sequential, stop_rule: str) -> Identity:
    """Tell what the draws of a task are.

    Args:
        task: One input under one model and one noise.
        n0: Pilot draws.
        n: Test draws, fixed or with looks.
        stop_rule: Name of the rule that may stop at a look, or empty.
    """
    return Identity(
        input_sha256=task.streams.input_sha256,
        noise=noise_text(task.noise),
        n0=n0,
        n=f"looks at {', '.join(map(str, n.at))}" if isinstance(n, Looks) else str(n),
        stop_rule=stop_rule,
        seed=task.streams.seed,
        streams=task.streams.kind,
        classes=task.classes,
        model=task.segmenter.name,
        weights_sha256=task.segmenter.weights_sha256,
        scale=scale_of(task.segmenter),
        backend=runtime_of(task.segmenter).backend,
        precision=precision(task.segmenter, on_cuda=task.x.device.type == "cuda"),
        identity_sha256=task.segmenter.identity_sha256,
        stream_version=task.streams.version,
    )


def noise_text(noise: AbstractNoise) -> str:
    """A noise with all its parameters, every number in full."""
    if not dataclasses.is_dataclass(noise):
        return repr(noise)
    values = {field.name: getattr(noise, field.name) for field in dataclasses.fields(noise)}
    plain = {name: float(one) if isinstance(one, Real) else one for name, one in values.items()}
    parameters = ", ".join(f"{name}={one!r}" for name, one in plain.items())
    return f"{type(noise).__qualname__}({parameters})"


def shortened(value: object) -> str:
    """A value in a message."""
    text = str(value) or "none"
    return text if len(text) <= LONGEST else f"{text[:12]}...{text[-12:]}"


def nothing_done(task: Task, *, n0: int, n: int | Sequential, stop_rule: str = "") -> Partial:
    """Start from nothing; the sizes of the counts follow from the two modes.

    Args:
        task: What is sampled.
        n0: Pilot draws.
        n: Test draws, fixed or with looks.
        stop_rule: Name of the rule that may stop at a look, or empty.
    """
    classes, device = (task.classes, *task.components), task.x.device
    most = n.at[-1] if isinstance(n, Sequential) else n
    return Partial(
        pilot=no_draws(classes if n0 else (0,), n=n0, device=device),
        test=no_draws(task.components if n0 else classes, n=most, device=device),
        identity=identity_of(task, n0=n0, n=n, stop_rule=stop_rule),
    )


def going_on(task: Task, partial: Partial) -> Task:
    """Take the version of the streams that work was begun with, if there is such a one."""
    begun, streams = partial.identity, task.streams
    if begun.streams != streams.kind or begun.stream_version not in versions_of(streams.kind):
        return task
    return replace(task, streams=replace(streams, version=begun.stream_version))


def types_like(usual: torch.dtype) -> tuple[torch.dtype, ...]:
    """Types that counts of unfinished work may have; the oldest had no bytes."""
    return (usual, torch.int16) if usual == torch.uint8 else (usual,)


def check_partial(partial: Partial, start: Partial, *, n0: int, n: int) -> None:
    """Refuse work that cannot be the beginning of what is asked for.

    Args:
        partial: The work.
        start: Nothing done yet of what is asked for.
        n0: Pilot draws.
        n: Test draws at most.

    Raises:
        OtherWorkError: If it was begun with other arguments.
        InputError: If there are too many draws, counts of another shape or type, or test draws
            before the pilot is complete.
    """
    different = start.identity.differences(partial.identity)
    if different:
        raise OtherWorkError(
            f"partial work was begun with other arguments ({different}): go on with those, or "
            "start anew without it"
        )
    for stage, found, empty, goal in (
        ("pilot", partial.pilot, start.pilot, n0),
        ("test", partial.test, start.test, n),
    ):
        same = found.counts.shape == empty.counts.shape and found.counts.dtype in types_like(
            empty.counts.dtype
        )
        if found.draws > goal or not same:
            raise InputError(
                f"partial work holds {found.draws} {stage} draws with counts {found.counts.dtype} "
                f"{tuple(found.counts.shape)}; {goal} draws with {empty.counts.dtype} "
                f"{tuple(empty.counts.shape)} are asked for: start anew without it"
            )
    if partial.test.draws and partial.pilot.draws < n0:
        raise InputError(
            f"partial work holds {partial.test.draws} test draws, but {partial.pilot.draws} of "
            f"{n0} pilot draws, which must come first: start anew without it"
        )
