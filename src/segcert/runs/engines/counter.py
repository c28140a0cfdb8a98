"""What a worker does: it holds the model on its device, and counts one unit after the other."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import Tensor

from segcert.errors import InputError
from segcert.models.protocol import WrappedModel
from segcert.runs.engines.units import CountedUnit, Unit, Work, answered
from segcert.sampling.counting import Task, count_block
from segcert.sampling.margins import Margins
from segcert.sampling.setup import choose_device, make_task, unchecked_task
from segcert.sampling.streams import Stage

ModelSource = Callable[[], WrappedModel]  # such as `ModelReference.open`
MOST_TASKS = 4  # inputs that are kept on the device
ANSWER_SECONDS = 10.0  # then what is counted of a unit is answered, so that it is kept


class Counter:
    """A model on a device, and the inputs that it worked on last.

    Args:
        segmenter: The base model; units bring its scale, or the category of a cloud.
        device: Its device: "auto", "cpu", "cuda", "cuda:1", ...
    """

    def __init__(self, segmenter: WrappedModel, device: str) -> None:
        self._segmenter = segmenter
        self.device = choose_device(device, segmenter)
        self._tasks: dict[str, Task] = {}

    def count(
        self,
        unit: Unit,
        shared: Mapping[str, object],
        after_batch: Callable[[int], None] | None = None,
    ) -> CountedUnit:
        """Count one unit, or its first draws if it takes long.

        Args:
            unit: The unit.
            shared: By key: the work of the unit, and its reference if it has one.
            after_batch: Called with the draws of this unit that are done.

        Raises:
            InputError: If the weights of this worker are others, or something else runs them.
            ModelError: If the model cannot be certified.
            SamplingError: If memory does not suffice for one draw.
        """
        began = time.perf_counter()
        task = self._task(unit, shared[unit.work])
        reference = shared[unit.reference] if unit.reference else None
        labels = reference.to(self.device) if isinstance(reference, Tensor) else None
        pilot = unit.block.stage is Stage.PILOT
        tally = count_block(
            task, unit.block, None if pilot else labels,
            batch_size=unit.batch_size,
            margins=None if labels is None or not pilot else margins_from(labels),
            after_batch=lambda drawn: after_batch and after_batch(drawn - unit.block.start),
            ends=lambda: time.perf_counter() - began >= ANSWER_SECONDS,
        )  # fmt: skip
        return answered(unit, tally.to(torch.device("cpu")), time.perf_counter() - began)

    def _task(self, unit: Unit, work: object) -> Task:
        """Take the task of a unit; the first unit of an input checks the model."""
        assert isinstance(work, Work)
        if unit.classes is not None and unit.work in self._tasks:
            return replace(self._tasks[unit.work], classes=unit.classes)
        check_same_model(self._segmenter, work)
        segmenter, device = (
            work.told(self._segmenter),
            str(self.device),
        )
        if unit.classes is None:
            task = make_task(
                segmenter, work.x,
                noise=work.noise, seed=work.seed, device=device, batch_size=unit.batch_size,
                stream_version=work.stream_version,
            )  # fmt: skip
        else:
            task = unchecked_task(
                segmenter, work.x, noise=work.noise, seed=work.seed, device=device,
                stream_version=work.stream_version,
            )  # fmt: skip
        while len(self._tasks) >= MOST_TASKS:
            del self._tasks[next(iter(self._tasks))]
        self._tasks[unit.work] = task
        return task if unit.classes is None else replace(task, classes=unit.classes)


def check_same_model(segmenter: WrappedModel, work: Work) -> None:
    """Refuse a worker that has another model than the run, or runs it by another program.

    Raises:
        InputError: With both.
    """
    mine, wanted = segmenter.weights_sha256, work.weights_sha256
    if mine != wanted:
        raise InputError(
            f"a worker has model {segmenter.name} with weights {mine[:12]}, the run has "
            f"{wanted[:12]}: give all machines the same model file"
        )
    backend = segmenter.runtime.backend
    if backend != work.backend:
        raise InputError(
            f"a worker runs model {segmenter.name} with backend {backend}, the run is one of "
            f"{work.backend}: open it in the workers as in the run"
        )


def margins_from(first: Tensor) -> Margins:
    """Margins of no draw, with signs by given labels."""
    zeros = torch.zeros(first.shape, dtype=torch.int32, device=first.device)
    return Margins(first, zeros, zeros.clone())
