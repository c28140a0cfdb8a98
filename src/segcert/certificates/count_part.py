"""A family of components that is counted by itself."""

from dataclasses import dataclass

from segcert.stats.count import CountBound


@dataclass(frozen=True)
class CountPart:
    """A family of components that is counted by itself.

    Args:
        label: The class that the pilot gave them; None if they are all that are tested.
        tested: How many there are.
        passed: How many of them have as many hits as ``bound`` asks for.
        bound: How many of these may be wrong.
    """

    label: int | None
    tested: int
    passed: int
    bound: CountBound

    @property
    def wrong(self) -> int:
        """How many of those that passed may be wrong."""
        return self.bound.wrong(passed=self.passed, failed=self.tested - self.passed)

    @property
    def at_least(self) -> int:
        """So many of them are robust."""
        return self.passed - self.wrong
