"""What the pilot promises of each component: its softmax margin, over the spread of the margin.

The promise only orders the tests (`segcert.stats.ordered`) or groups them; it is computed from
the pilot draws alone, and no certificate depends on whether it is a good one.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int16, Int32, UInt16
from torch import Tensor

from segcert.stats.promise import FLOOR, LARGEST, STEPS_PER_UNIT, ZERO

UNIT = 2**16  # integers per 1 of a margin: sums do not depend on the order of addition
MOST_PILOT_DRAWS = 2**15 - 1  # their sums fit 32 bits
SCALE = 16  # of scores, where only margins are left: that of our networks is 8 to 10


@dataclass(frozen=True, eq=False)
class Margins:
    """Sums of signed margins: positive where a draw agrees with the first one.

    Args:
        first: Labels of the first draw.
        total: Sum of the margins, in units of 2^-16.
        squares: Sum of their squares, in units of 2^-16.
    """

    first: Int16[Tensor, " *components"]
    total: Int32[Tensor, " *components"]
    squares: Int32[Tensor, " *components"]

    def plus(
        self, labels: Int16[Tensor, " b *components"], margins: Float[Tensor, " b *components"]
    ) -> "Margins":
        """Add the draws of a batch."""
        signed = torch.where(labels == self.first, margins, -margins)
        return Margins(
            self.first,
            self.total + in_units(signed).sum(0, dtype=torch.int32),
            self.squares + in_units(signed.square()).sum(0, dtype=torch.int32),
        )

    def merged(self, other: "Margins") -> "Margins":
        """Add the sums of other draws, whose signs go by the same first draw."""
        total, squares = self.total + other.total, self.squares + other.squares
        return Margins(self.first, total, squares)

    def to(self, device: torch.device) -> "Margins":
        """Move to a device."""
        return Margins(self.first.to(device), self.total.to(device), self.squares.to(device))

    def promise(
        self, guess: Int16[Tensor, " *components"], draws: int
    ) -> UInt16[Tensor, " *components"]:
        """Mean margin over (its standard deviation + 0.1), as an increasing 16-bit number.

        Args:
            guess: The class that the pilot chose; elsewhere than at the first draw's class the
                margin speaks for another class, and its sign is turned.
            draws: Number of pilot draws.
        """
        mean, squares = self.means(draws)
        ratio = ratio_of(mean, squares - mean.square())
        return as_promise(torch.where(guess == self.first, ratio, -ratio))

    def means(self, draws: int) -> tuple[Tensor, Tensor]:
        """Mean of the margins and of their squares."""
        return self.total.double() / (UNIT * draws), self.squares.double() / (UNIT * draws)

    def promise_range(
        self, guess: Int16[Tensor, " *components"], draws: int, *, tolerance: float
    ) -> tuple[UInt16[Tensor, " *components"], UInt16[Tensor, " *components"]]:
        """Smallest and largest promise that rounding elsewhere can give.

        A margin ``m`` moves by at most ``1 - m^2`` times half of what the lead of the scores moves,
        and by one unit where it is rounded. The spread is a root, which is steep at 0: where all
        margins are nearly equal, a unit moves the promise by hundreds of its steps.

        Args:
            guess: As of `promise`.
            draws: As of `promise`.
            tolerance: Of near ties, over the scale of the scores; of that we take `SCALE`.
        """
        mean, squares = self.means(draws)
        shift = SCALE / 2 * tolerance * (1 - squares).clamp(min=0) + 1 / UNIT
        variance, more = squares - mean.square(), 4 * shift
        corners = torch.stack(
            [
                ratio_of(mean + side * shift, variance + other * more)
                for side in (-1, 1)
                for other in (-1, 1)
            ]
        )
        corners = torch.where(guess == self.first, corners, -corners)
        step = 1 / STEPS_PER_UNIT
        return as_promise(corners.amin(0) - step), as_promise(corners.amax(0) + step)


def ratio_of(
    mean: Float[Tensor, " *components"], variance: Float[Tensor, " *components"]
) -> Float[Tensor, " *components"]:
    """Mean over (standard deviation + 0.1)."""
    return mean / (variance.clamp(min=0).sqrt() + FLOOR)


def as_promise(ratio: Float[Tensor, " *components"]) -> UInt16[Tensor, " *components"]:
    """Write a ratio as an increasing 16-bit number."""
    steps = (ratio * STEPS_PER_UNIT).round() + ZERO
    return steps.clamp(0, LARGEST).to(torch.int32).to(torch.uint16)


def no_margins(labels: Int16[Tensor, " b *components"]) -> Margins:
    """Margins of no draw at all; the first label of a batch sets the sign."""
    zeros = torch.zeros(labels.shape[1:], dtype=torch.int32, device=labels.device)
    return Margins(labels[0].clone(), zeros, zeros.clone())


def in_units(values: Float[Tensor, " *shape"]) -> Int32[Tensor, " *shape"]:
    """Values in units of 2^-16."""
    return (values * UNIT).round_().to(torch.int32)
