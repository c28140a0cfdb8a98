"""The inputs of an evaluation on their way: opened as jobs, certified when these are done."""

import time
from collections.abc import Callable, Iterable, Iterator

from segcert.data.sets import LabelledSet
from segcert.errors import InputError
from segcert.inputs.input import Input
from segcert.inputs.kind import components_of
from segcert.models.protocol import WrappedModel
from segcert.runs.config import EvaluationConfig
from segcert.runs.engines.abstract import AbstractEngine
from segcert.runs.engines.units import Unit, Work
from segcert.runs.inventory import Inventory, item_of, truth_of
from segcert.runs.jobs import Job
from segcert.runs.rows import Row, row_of
from segcert.runs.setting import Setting
from segcert.sampling.setup import automatic_batch_size

Progress = Callable[[str, int, int], None]


class Underway:
    """The inputs that were begun and are not done.

    Args:
        segmenter: The base model.
        data: The data set.
        inventory: What the data set held when the run began.
        config: What is asked for.
        engine: Where draws are counted.
        batch_size: Draws that go through the model together, or "auto".
        progress: Called with a name, draws done and draws in all, of the first unfinished input.
    """

    def __init__(
        self,
        segmenter: WrappedModel,
        data: LabelledSet,
        inventory: Inventory,
        config: EvaluationConfig,
        *,
        engine: AbstractEngine,
        batch_size: int | str,
        progress: Progress | None,
    ) -> None:
        self._segmenter, self._data, self._config = segmenter, data, config
        self._inventory = inventory
        self._engine, self._batch_size, self._progress = engine, batch_size, progress
        self._open: dict[int, tuple[Input, list[Job], list[Row]]] = {}

    def jobs(self, numbers: Iterable[int]) -> Iterator[Job]:
        """Open inputs one after the other, as their jobs are asked for.

        Raises:
            InputError: If one was changed since the run began.
        """
        for number in numbers:
            item = self._data.input(number)
            if item_of(item) != self._inventory.items[number]:
                raise InputError(
                    f"{item.name} of {self._data.name} was changed while the run was under way: "
                    "put back what it held, or evaluate the new data into another --out"
                )
            jobs: list[Job] = []
            self._open[number] = (item, jobs, [])
            for k in range(len(self._config.groups)):
                jobs.append(self._job(number, item, k))
                yield jobs[-1]

    def _job(self, number: int, item: Input, group: int) -> Job:
        """The draws that settings share."""
        config = self._config
        members = [config.settings[k] for k in config.groups[group]]
        work = work_of(self._segmenter, item, members[0], config)
        size = self._batch_size
        if not isinstance(size, int):
            on_cuda = self._engine.device_type == "cuda"
            size = automatic_batch_size(
                components_of(work.x.shape),
                on_cuda=on_cuda,
                stochastic=self._segmenter.stochastic,
            )
        return Job(
            f"{number}-{group}", work,
            n0=config.n0, n=tuple(sorted({one.n for one in members})), batch_size=size,
            share=self._engine.put,
        )  # fmt: skip

    def close(self, job: Job) -> list[Row] | None:
        """Certify the settings of a job; all rows of its input, if it is the last one."""
        number, group = map(int, job.key.split("-"))
        item, _, rows = self._open[number]
        engine = self._engine
        for key in job.keys:
            engine.drop(key)
        drawn = job.counts(self._segmenter, kind=engine.device_type, engine=engine.name)
        for k in self._config.groups[group]:
            setting = self._config.settings[k]
            found = drawn[setting.n]
            began = time.perf_counter()
            claim = self._config.plan(setting).claim(found.counts)
            spent = found.seconds + time.perf_counter() - began
            row = row_of(
                claim, truth_of(item),
                number=number, name=item.name, setting=k, seconds=spent,
            )  # fmt: skip
            rows.append(row)
        if len(rows) < len(self._config.settings):
            return None
        del self._open[number]
        return sorted(rows, key=lambda row: row.setting)

    def report(self, unit: Unit | None = None, drawn: int = 0) -> None:
        """Show how far the first unfinished input is, with the draws of a unit in the making."""
        if not self._progress or not self._open:
            return
        number = min(self._open)
        item, jobs, _ = self._open[number]
        done = sum(job.drawn for job in jobs)
        if unit is not None and unit.work.startswith(f"{number}-"):
            done += drawn
        label = f"{number + 1}/{self._config.images} {item.name}"
        self._progress(label, done, draws_per_input(self._config))


def work_of(
    segmenter: WrappedModel,
    item: Input,
    setting: Setting,
    config: EvaluationConfig,
) -> Work:
    """Read an input as the model takes it, with what the model must know of it.

    Raises:
        InputError: If the model needs a category or normals, and there are none.
    """
    told = segmenter.told(scale=setting.scale, category=item.category)
    return Work(
        told.given(item).tensor, setting.drawn_noise, setting.scale, int(config.seed),
        config.weights_sha256, item.category, segmenter.runtime.backend, config.stream_version,
    )  # fmt: skip


def draws_per_input(config: EvaluationConfig) -> int:
    """Draws that one input takes."""
    largest = [max(config.settings[k].n for k in group) for group in config.groups]
    return sum(config.n0 + n for n in largest)
