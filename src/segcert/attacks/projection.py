"""The l2 ball of an attack, and the projection onto it: what leaves it was projected."""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float32, Float64, Shaped
from torch import Tensor

from segcert.errors import InputError

SAFE = 1 - 1e-9  # of the radius; the error of a float64 norm of a billion values is below it
HALVINGS = 40  # of the stretch of the multiplier: its relative error is below 1e-12
SHRINK = 1e-7  # first shortening when the rounding to float32 leaves the ball; doubled each time


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """All images within an l2 distance of one image, and within [0, 1] if so wanted.

    Args:
        centre: The image in input units, as exact as float64 is.
        radius: In input units, positive.
        box: Whether values must stay within [0, 1], as those of images do.

    Raises:
        InputError: If the radius is no positive number, is too small for float32 images, or the
            centre is not in the box.
    """

    centre: Float64[Tensor, " *shape"]
    radius: float
    box: bool = True

    def __post_init__(self) -> None:
        """Check that there is a float32 image in the ball to start from."""
        if not (self.radius > 0 and math.isfinite(self.radius)):
            raise InputError(
                f"the radius of an attack must be a positive number, got {self.radius}"
            )
        if self.box and not bool(((self.centre >= 0) & (self.centre <= 1)).all()):
            raise InputError("an attack within [0, 1] needs an image with values in [0, 1]")
        if not self.holds(self.centre.float()):
            raise InputError(
                f"radius {self.radius:g} is below the rounding of float32 images "
                f"({distance(self.centre.float(), self.centre):.1g}): take a larger one"
            )

    def holds(self, point: Float32[Tensor, " *shape"]) -> bool:
        """Tell whether a point is in the ball, certainly: the rounding of the norm is covered."""
        return distance(point, self.centre) <= self.radius * SAFE

    def project(self, point: Shaped[Tensor, " *shape"]) -> Float32[Tensor, " *shape"]:
        """Find the nearest point of the ball (and of the box).

        By the conditions of Karush, Kuhn and Tucker it is ``clip(centre + s (point - centre))``
        with ``s = 1 / (1 + multiplier)`` in (0, 1], and its distance from the centre grows with s:
        s is found by bisection. Without box it is ``radius / |point - centre|``.

        Returns:
            A float32 point in the ball (and box), rounding included; nearest up to rounding.

        Raises:
            InputError: If the point is not finite.

        Source:
            Boyd & Vandenberghe (2004), "Convex Optimization", section 5.5.3 (KKT conditions).
        """
        if not bool(torch.isfinite(point).all()):
            raise InputError("only finite points can be projected onto a ball")
        offset = point.double() - self.centre
        share = self._share(offset)
        shrink = SHRINK
        rounded = self._at(offset, share).float()
        while not self.holds(rounded):
            rounded = self._at(offset, share * max(0.0, 1 - shrink)).float()
            shrink *= 2
        return rounded

    def random_point(self, rng: torch.Generator) -> Float32[Tensor, " *shape"]:
        """Draw a point uniformly from the ball, then project it into the box.

        Args:
            rng: A generator on the CPU, so that devices agree.
        """
        direction = torch.randn(self.centre.shape, generator=rng, dtype=torch.float64)
        uniform = float(torch.rand((), generator=rng, dtype=torch.float64))
        length = self.radius * uniform ** (1 / direction.numel())
        offset = direction * (length / float(direction.norm()))
        return self.project(self.centre + offset.to(self.centre.device))

    def _share(self, offset: Float64[Tensor, " *shape"]) -> float:
        """Find the largest share of an offset whose end, put into the box, is in the ball."""
        goal = self.radius * SAFE
        if float((self._at(offset, 1.0) - self.centre).norm()) <= goal:
            return 1.0
        low, high = min(1.0, goal / float(offset.norm())), 1.0  # the box only shortens
        if not self.box or bool((self._at(offset, low) == self.centre + low * offset).all()):
            return low
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            inside = float((self._at(offset, middle) - self.centre).norm()) <= goal
            low, high = (middle, high) if inside else (low, middle)
        return low

    def _at(self, offset: Float64[Tensor, " *shape"], share: float) -> Float64[Tensor, " *shape"]:
        """Go a share of an offset away from the centre, and into the box."""
        point = self.centre + share * offset
        return point.clamp_(0, 1) if self.box else point


def exact_values(image: Shaped[Tensor, " *shape"]) -> Float64[Tensor, " *shape"]:
    """Values of an image in input units: those of uint8 images divided by 255, in float64."""
    return image.double() / 255 if image.dtype == torch.uint8 else image.double()


def distance(point: Shaped[Tensor, " *shape"], centre: Float64[Tensor, " *shape"]) -> float:
    """The l2 distance in float64."""
    return float((point.double() - centre).norm())
