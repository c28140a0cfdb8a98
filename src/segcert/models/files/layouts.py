"""Read the order of axes off the sizes that a file says."""

from collections.abc import Sequence
from dataclasses import replace

from segcert.models.confined.chunks import CHANNELS, Dimension
from segcert.models.files.sidecar import Sidecar
from segcert.models.resizing.conventions import Convention

MOST_SCORED = 1024  # classes; more along the last axis are columns of an image


def with_layout(
    sidecar: Sidecar, taken: Sequence[Dimension], scored: Sequence[Dimension] = ()
) -> Convention:
    """The convention of a network, with channels last where only the file says so.

    Args:
        sidecar: What is said of the network.
        taken: Batch, and the three sizes of an image that it takes; None is any.
        scored: Those of its scores, if they are known.
    """
    convention, said = sidecar.convention, sidecar.model_fields_set
    if "layout" not in said and is_last(taken):
        convention = replace(convention, layout="nhwc")
    if convention.layout == "nchw" or "output_layout" in said or len(scored) != len(taken):
        return convention
    sides_are_kept = all(
        None in (one, other) or one == other
        for one, other in zip(scored[1:-1], taken[1:-1], strict=True)
    )
    last = scored[-1] is not None and scored[-1] <= MOST_SCORED
    return replace(convention, output_layout="nhwc") if last and sides_are_kept else convention


def is_last(taken: Sequence[Dimension]) -> bool:
    """Whether the last axis is that of channels, and the second is not."""
    return taken[-1] in CHANNELS and taken[1] not in CHANNELS
