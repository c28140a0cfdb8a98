"""Draws side by side on a CPU: several passes at once, each in one thread (docs/decisions/0026)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from segcert.models.protocol import SegmentationModel
from segcert.sampling.copies import copies_of
from segcert.sampling.threads import side_by_side

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Team:
    """Workers of this process, each with a copy of the model.

    Args:
        members: The copies, one for each pass that runs at a time.
        threads: That torch uses within a pass.
    """

    members: tuple[SegmentationModel, ...]
    threads: int = 1

    def run(
        self,
        work: Callable[[SegmentationModel, Item], None],
        items: Sequence[Item],
        after: Callable[[Item], bool] = lambda _: False,
    ) -> None:
        """Work on items; see `side_by_side`."""
        side_by_side(work, self.members, items, inside=self.threads, after=after)

    def map(
        self, function: Callable[[SegmentationModel, Item], Result], items: Sequence[Item]
    ) -> list[Result]:
        """Apply a function to each item; the results in order."""
        found: dict[int, Result] = {}

        def work(member: SegmentationModel, number: int) -> None:
            found[number] = function(member, items[number])

        self.run(work, range(len(items)))
        return [found[number] for number in range(len(items))]

    def of(self, most: int) -> "Team":
        """At most so many workers, with as many threads in all."""
        size = max(1, min(most, len(self.members)))
        if size == len(self.members):
            return self
        return Team(self.members[:size], len(self.members) * self.threads // size)


def team_of(
    segmenter: SegmentationModel, device: torch.device, workers: int | None = None
) -> Team | None:
    """The team of a model; None where its draws go one after the other.

    Args:
        segmenter: The base model, on its device.
        device: Where it runs.
        workers: Passes at a time; None is one for each thread that torch may use.
    """
    threads = torch.get_num_threads()
    wanted = threads if workers is None else workers
    if device.type != "cpu" or wanted == 1:
        return None
    members = copies_of(segmenter, wanted)
    return Team(members, max(1, threads // wanted)) if members else None
