"""One input under one noise, cut into units of work; counted units merge by addition."""

import hashlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from torch import Tensor

from segcert.inputs.images import hash_tensor
from segcert.inputs.kind import fitted_noise
from segcert.models.protocol import WrappedModel
from segcert.runs.engines.units import CountedUnit, Unit, Work
from segcert.sampling.conclude import most_frequent, precision, to_counts
from segcert.sampling.counting import Task
from segcert.sampling.counts import Counts
from segcert.sampling.fingerprints import check_distinct
from segcert.sampling.sampler import next_block
from segcert.sampling.streams import Stage, Streams
from segcert.sampling.tally import DrawBlock, Tally, no_draws


def blocks_of(stage: Stage, goals: tuple[int, ...], batch_size: int) -> tuple[DrawBlock, ...]:
    """Cut the draws of a stage as `sample` does: no block reaches beyond one of the goals."""
    found: list[DrawBlock] = []
    for start, goal in pairwise((0, *goals)):
        drawn = start
        while drawn < goal:
            found.append(next_block(stage, drawn, goal, batch_size))
            drawn = found[-1].stop
    return tuple(found)


def merged(tally: Tally, block: Tally) -> Tally:
    """Add the counts of the block that follows."""
    both = tally.plus(block)
    if tally.margins is None or block.margins is None:
        return both
    return replace(both, margins=tally.margins.merged(block.margins))


@dataclass(frozen=True, eq=False)
class Counted:
    """Counts of one input, and the seconds that workers took for them."""

    counts: Counts
    seconds: float


class Part:
    """The draws of one stage.

    Args:
        stage: The stage.
        goals: Numbers of draws at which counts are wanted, increasing.
        batch_size: Draws that go through the model together.
    """

    def __init__(self, stage: Stage, goals: tuple[int, ...], batch_size: int) -> None:
        self.todo = deque(blocks_of(stage, goals, batch_size))
        self._handed: dict[int, DrawBlock] = {}
        self.begun = False
        self._early: dict[int, CountedUnit] = {}
        self._goals = goals
        self.seconds = 0.0
        self.tally: Tally | None = None
        self.at: dict[int, tuple[Tally, float]] = {}

    @property
    def complete(self) -> bool:
        """Whether all draws are counted."""
        return len(self.at) == len(self._goals)

    def hand_out(self) -> DrawBlock:
        """Take the next block that is to be counted."""
        block, self.begun = self.todo.popleft(), True
        self._handed[block.start] = block
        return block

    def take(self, done: CountedUnit) -> None:
        """Take a counted block; one that comes before its turn waits, and its rest is next."""
        counted = done.unit.block
        handed = self._handed.pop(counted.start, counted)
        if counted.stop < handed.stop:
            self.todo.appendleft(replace(handed, start=counted.stop))
        self._early[done.unit.block.start] = done
        while (start := 0 if self.tally is None else self.tally.draws) in self._early:
            self._merge(self._early.pop(start))

    def _merge(self, done: CountedUnit) -> None:
        """Add the block whose turn it is."""
        tally, self.seconds = done.tally, self.seconds + done.seconds
        if self.tally is None:
            shape, device = tuple(tally.counts.shape), tally.counts.device
            self.tally = no_draws(shape, n=self._goals[-1], device=device)
        self.tally = merged(self.tally, tally)
        if self.tally.margins is None:
            self.tally = replace(self.tally, margins=tally.margins)
        if self.tally.draws in self._goals:
            self.at[self.tally.draws] = (self.tally, self.seconds)


class Job:
    """All units of one input under one noise: which of them are ready, and what they add up to.

    Units go out in this order: one block alone, which tells the number of classes and the labels
    of the first draw; the rest of the pilot; when that is complete, with the guess, the test.

    Args:
        key: Unique in the run, fit for file names.
        work: The input and its noise.
        n0: Pilot draws, or 0.
        n: Numbers of test draws after which counts are wanted, increasing.
        batch_size: Draws that go through the model together.
        share: Called with key and value of what workers need.
    """

    def __init__(
        self,
        key: str,
        work: Work,
        *,
        n0: int,
        n: tuple[int, ...],
        batch_size: int,
        share: Callable[[str, object], None],
    ) -> None:
        self.key, self.work, self.keys = key, work, [key]
        self._batch_size, self._share = batch_size, share
        self._pilot = Part(Stage.PILOT, (n0,), batch_size) if n0 else None
        self._test = Part(Stage.TEST, n, batch_size)
        self._classes: int | None = None
        self._reference = ""
        self._guess: Tensor | None = None
        share(key, work)

    @property
    def complete(self) -> bool:
        """Whether all draws are counted."""
        return self._test.complete

    @property
    def drawn(self) -> int:
        """Draws that are merged."""
        tallies = (self._test.tally, self._pilot.tally if self._pilot else None)
        return sum(tally.draws for tally in tallies if tally)

    def ready(self) -> Unit | None:
        """Take the next unit; None while it needs the result of another, or if none is left."""
        part = self._test if self._pilot is None or self._pilot.complete else self._pilot
        if not part.todo or (part.begun and self._classes is None):
            return None
        block = part.hand_out()
        return Unit(self.key, block, self._batch_size, self._classes, self._reference)

    def take(self, done: CountedUnit) -> None:
        """Take a counted unit."""
        pilot = self._pilot
        self._batch_size = min(self._batch_size, done.tally.runs[-1].batch_size)  # out of memory
        if self._classes is None:
            self._classes = len(done.tally.counts)
            if pilot and done.tally.margins:
                self._refer_to("first", done.tally.margins.first)
        if done.unit.block.stage is Stage.TEST:
            self._test.take(done)
            return
        assert pilot is not None
        pilot.take(done)
        if pilot.complete:
            assert pilot.tally is not None
            self._guess = most_frequent(pilot.tally)
            self._refer_to("guess", self._guess)

    def counts(self, segmenter: WrappedModel, *, kind: str, engine: str) -> dict[int, Counted]:
        """Counts after each number of test draws.

        Each are those of a run of that many draws by itself: the first draws, whose number was
        fixed beforehand. So a certificate from one of them has the error that it states, whatever
        the others say. To pick one after having seen several is covered by none of them, unlike
        `Looks` (docs/decisions/0011).

        Args:
            segmenter: The base model.
            kind: Type of the workers' devices.
            engine: Name of the engine.

        Returns:
            By number of draws: the counts, and the seconds that the workers took for them.

        Raises:
            SamplingError: If a noise was repeated.
        """
        work, pilot = self.work, self._pilot
        streams = Streams(work.seed, hash_tensor(work.x), work.x.device, kind, work.stream_version)
        noise, classes = fitted_noise(work.noise, work.x), self._classes or 0
        task = Task(
            work.told(segmenter),
            work.x,
            noise,
            streams,
            classes,
        )
        none = no_draws((0,), n=0, device=work.x.device)
        first = none if pilot is None or pilot.tally is None else pilot.tally
        found: dict[int, Counted] = {}
        for n, (tally, seconds) in self._test.at.items():
            made = to_counts(task, first, tally, self._guess)
            source = replace(
                made.provenance, device=kind, device_name=f"workers of {engine}",
                precision=precision(task.segmenter, on_cuda=kind == "cuda"),
            )  # fmt: skip
            spent = seconds + (pilot.seconds if pilot else 0.0)
            found[n] = Counted(replace(made, provenance=source), spent)
        prints = np.concatenate([made.pilot_fingerprints, made.test_fingerprints])
        check_distinct(prints, noise.repeat_probability(work.x))
        return found

    def _refer_to(self, what: str, labels: Tensor) -> None:
        """Share the labels that later units are compared with, under a key that tells them."""
        sha256 = hashlib.sha256(labels.numpy().tobytes()).hexdigest()
        self._reference = f"{self.key}/{what}/{sha256}"
        self.keys.append(self._reference)
        self._share(self._reference, labels)
