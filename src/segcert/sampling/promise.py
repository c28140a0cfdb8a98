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
        mean = self.total.double() / (UNIT * draws)
        variance = self.squares.double() / (UNIT * draws) - mean.square()
        ratio = mean / (variance.clamp_(min=0).sqrt_() + FLOOR)
        ratio = torch.where(guess == self.first, ratio, -ratio)
        steps = (ratio * STEPS_PER_UNIT).round_() + ZERO
        return steps.clamp_(0, LARGEST).to(torch.int32).to(torch.uint16)


def no_margins(labels: Int16[Tensor, " b *components"]) -> Margins:
    """Margins of no draw at all; the first label of a batch sets the sign."""
    zeros = torch.zeros(labels.shape[1:], dtype=torch.int32, device=labels.device)
    return Margins(labels[0].clone(), zeros, zeros.clone())


def in_units(values: Float[Tensor, " *shape"]) -> Int32[Tensor, " *shape"]:
    """Values in units of 2^-16."""
    return (values * UNIT).round_().to(torch.int32)
