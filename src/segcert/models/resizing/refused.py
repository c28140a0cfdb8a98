"""What is said of a network that fails on inputs of a size, and what can be done."""

from collections.abc import Sequence

IMAGES = 4  # axes of a batch of them
MULTIPLE = 32  # of which sides must be, of most networks with a rule
WAY_OUT = (
    "if it takes other sizes only, name one, as --scale {width}x{height} (WIDTHxHEIGHT; in Python "
    "scale=), or pad to multiples of {multiple}, as --pad {multiple} (pad=)"
)


def refused(name: str, shape: Sequence[int], reason: str, *, scale: str = "1") -> str:
    """Say that a network failed, on which size, why, and the way out.

    Args:
        name: Of the model.
        shape: Of the batch.
        reason: What it said.
        scale: At which it saw the batch.
    """
    sides = "x".join(map(str, shape[2:]))
    if len(shape) < IMAGES:
        return f"model {name} fails on inputs of shape {tuple(shape[1:])} ({reason.rstrip('.')})"
    seen = "" if scale == "1" else f" at scale {scale}"
    kind = "images" if len(shape) == IMAGES else "volumes"
    order = "height x width" if len(shape) == IMAGES else "depth x height x width"
    text = f"model {name} fails on {kind} of {shape[1]} channels and {sides} ({order}){seen}"
    if len(shape) == IMAGES:
        return f"{text} ({reason.rstrip('.')}): {way_out(shape[2], shape[3])}"
    return f"{text} ({reason.rstrip('.')}): if it takes multiples of {MULTIPLE} only, give pad="


def way_out(height: int, width: int) -> str:
    """Name a size near that of an image, of sides that most networks take."""
    sides = [max(1, round(side / MULTIPLE)) * MULTIPLE for side in (height, width)]
    return WAY_OUT.format(height=sides[0], width=sides[1], multiple=MULTIPLE)
