"""The engine of this process: one unit after the other, on one device."""

from collections.abc import Callable
from typing import ClassVar

from segcert.models.protocol import WrappedModel
from segcert.runs.engines.abstract import AbstractEngine
from segcert.runs.engines.counter import Counter
from segcert.runs.engines.units import CountedUnit, Unit


class LocalEngine(AbstractEngine):
    """Counts in this process, when it is waited for.

    Args:
        segmenter: The base model.
        device: Where to sample; see `segcert.sample`.
        after_batch: Called with a unit and how many of its draws are done.
    """

    name: ClassVar[str] = "local"

    def __init__(
        self,
        segmenter: WrappedModel,
        *,
        device: str = "auto",
        after_batch: Callable[[Unit, int], None] | None = None,
    ) -> None:
        self._counter = Counter(segmenter, device)
        self._shared: dict[str, object] = {}
        self._waiting: list[Unit] = []
        self.after_batch = after_batch

    @property
    def device_type(self) -> str:
        """Type of the device."""
        return self._counter.device.type

    @property
    def capacity(self) -> int:
        """One unit at a time."""
        return 1

    def put(self, key: str, value: object) -> None:
        """Keep a value."""
        self._shared[key] = value

    def drop(self, key: str) -> None:
        """Forget a value."""
        self._shared.pop(key, None)

    def submit(self, unit: Unit) -> None:
        """Remember a unit."""
        self._waiting.append(unit)

    def collect(self) -> CountedUnit:
        """Count the unit that waits longest."""
        unit = self._waiting.pop(0)

        def report(drawn: int) -> None:
            if self.after_batch:
                self.after_batch(unit, drawn)

        return self._counter.count(unit, self._shared, report)

    def close(self) -> None:
        """Forget everything."""
        self._shared.clear()
        self._waiting.clear()
