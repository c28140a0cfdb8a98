"""Flat views of certificates: an image as it is, slices through the middle of a volume."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int16, Shaped

from segcert.certificates.claim import Claim

AXES = ("depth", "height", "width")


@dataclass(frozen=True, eq=False)
class Flat:
    """Labels of one plane.

    Args:
        labels: Classes.
        certified: Where they are certified.
        axis: Axis of the components that is cut; None for an image.
        at: Where it is cut.
        length: Its length; 0 for an image.
    """

    labels: Int16[np.ndarray, " h w"]
    certified: Bool[np.ndarray, " h w"]
    axis: int | None = None
    at: int = 0
    length: int = 0

    @property
    def title(self) -> str:
        """Say where it is cut, counting from 1; empty for an image."""
        if self.axis is None:
            return ""
        return f"slice {self.at + 1} of {self.length} along {AXES[self.axis]}"

    def of(self, values: Shaped[np.ndarray, " c *components"]) -> Shaped[np.ndarray, " c h w"]:
        """Cut an input in the same place."""
        return values if self.axis is None else values.take(self.at, axis=self.axis + 1)


def flat_views(claim: Claim) -> tuple[Flat, ...]:
    """The labels of an image; of a volume the middle slice along each axis; of a cloud nothing."""
    labels, certified = claim.labels, claim.certified
    if labels.ndim == 2:
        return (Flat(labels, certified),)
    if labels.ndim != len(AXES):
        return ()
    return tuple(
        Flat(labels.take(length // 2, axis), certified.take(length // 2, axis), axis,
             length // 2, length)
        for axis, length in enumerate(labels.shape)
    )  # fmt: skip
