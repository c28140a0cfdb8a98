"""What an engine is: it takes units, and gives them back counted, in any order."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import ClassVar

from segcert.errors import SamplingError
from segcert.runs.engines.units import CountedUnit, Unit

MOST_ATTEMPTS = 4  # a unit that is lost so often kills its workers
UNITS_PER_WORKER = 2  # one is counted, the next one waits


class AbstractEngine(ABC):
    """Workers, each with the model on its device.

    Guarantee: every submitted unit is counted once, or its first draws are, or an error is raised;
    who submitted it submits the rest of it as another unit. A unit is drawn again
    only if its worker or its result was lost; its noise is the same, and no result was seen.

    Attributes:
        name: In messages.
    """

    name: ClassVar[str]

    @property
    @abstractmethod
    def device_type(self) -> str:
        """Type of the workers' devices, "cpu" or "cuda": it decides on the streams."""

    @property
    @abstractmethod
    def capacity(self) -> int:
        """How many units may be in flight now; at least one."""

    @abstractmethod
    def put(self, key: str, value: object) -> None:
        """Share a value with the workers, which units name by its key."""

    @abstractmethod
    def drop(self, key: str) -> None:
        """Forget a shared value; no unit in flight may name it."""

    @abstractmethod
    def submit(self, unit: Unit) -> None:
        """Hand a unit to a worker."""

    @abstractmethod
    def collect(self) -> CountedUnit:
        """Wait for any unit in flight.

        Raises:
            SegcertError: If a worker refuses its unit, or units are lost again and again.
        """

    @abstractmethod
    def close(self) -> None:
        """Let the workers go."""

    def __enter__(self) -> "AbstractEngine":
        """Work with it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let the workers go."""
        self.close()

    def run(self, ready: Callable[[], Unit | None]) -> Iterator[CountedUnit]:
        """Count units until none is left.

        Not more than `capacity` are in flight, so that memory does not grow with their number.

        Args:
            ready: Asked for the next unit; None says that there is none before another result
                is in, or at all.

        Yields:
            Each unit as it is counted; the next one is asked for after the caller took it.

        Raises:
            SegcertError: As `collect`.
        """
        flying = 0
        while True:
            while flying < self.capacity and (unit := ready()) is not None:
                self.submit(unit)
                flying += 1
            if not flying:
                return
            done = self.collect()
            flying -= 1
            yield done


def lost_too_often(engine: AbstractEngine, unit: Unit) -> SamplingError:
    """Say that a unit is given up."""
    block = unit.block
    return SamplingError(
        f"{MOST_ATTEMPTS} workers of engine {engine.name} were lost over {block.stage.value} draws "
        f"{block.start}..{block.stop - 1} of input {unit.work} (not enough memory?): what is done "
        "is kept, so the same command goes on; try fewer workers or a smaller batch size"
    )
