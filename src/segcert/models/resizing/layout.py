"""Whether the axes of an output can be batch, classes and the sides of what the model has seen.

Scores of any size are resized to the input, so axes in another order would be stretched over it and
certified. One factor must map both sides of the input to those of the scores, up to the rounding
and the padding of strides. Where a square, or as many classes as rows, leaves the order open, a
network that takes a wider input tells it; see `check_order`.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from segcert.errors import ModelError
from segcert.models.resizing.outputs import check_class_number

Sides = Sequence[int]

STRIDE = 32  # pixels: what padding to the coarsest stride may add to a side, or cropping take
PART = 8  # but no more than an eighth of the side
WAY_OUT_OF_ONE = (
    "a single one always wins: say that it is a binary head, with its threshold (binary=True, "
    "threshold=0.5; --binary --threshold 0.5; or in the sidecar), or return labels, "
    "(scores[:, 0] > threshold).long(), and declare two classes, or return two channels, "
    "torch.cat([-scores, scores], 1)"
)


def check_scores(scores: Tensor, seen: Sides, *, classes: int | None, name: str) -> None:
    """Refuse scores whose axes cannot be batch, classes and sides.

    Args:
        scores: What a model returned, floating point.
        seen: Height and width, or depth, height and width, of the batch that it got.
        classes: The number that was declared, if it was.
        name: Of the model.

    Raises:
        ModelError: With the shape, the rule and the way out.
    """
    shape, axes = tuple(scores.shape), len(seen) + 2
    returned = f"model {name} returned scores of shape {shape} for inputs of {by(seen)}"
    if len(shape) != axes:
        raise ModelError(f"{returned}: they must have {axes} axes: batch, classes and {kinds(seen)}"
                         f"{way_out_of_axes(shape, seen)}")  # fmt: skip
    check_class_number(shape[1], name=name)
    if shape[1] == 1:
        raise ModelError(f"{returned}, of one class: {WAY_OUT_OF_ONE}")
    if not covers(shape[2:], seen):
        raise ModelError(f"{returned}: {rule_of(seen)}{way_out(shape, seen)}")
    if classes not in (None, shape[1]):
        last = "; are they (b, ..., k)? permute them" if shape[-1] == classes else ""
        raise ModelError(f"model {name} scores {shape[1]} classes, {classes} were declared{last}")


def covers(found: Sides, seen: Sides) -> bool:
    """Tell whether scores of these sides can cover an input of those.

    Scores of a volume are not resized: they must be as many. Of an image, they may be coarser or
    finer, by one factor for height and width.
    """
    if len(found) != 2 or len(seen) != 2:
        return tuple(found) == tuple(seen)
    bounds = [factors(one, side) for one, side in zip(found, seen, strict=True)]
    alike = max(low for low, _ in bounds) < min(high for _, high in bounds)
    fine = all(one > side / STRIDE - 0.5 for one, side in zip(found, seen, strict=True))
    turned = (found[0] - found[1]) * (seen[0] - seen[1]) < 0  # the longer side is the shorter one
    return alike and fine and not turned


def factors(found: int, seen: int) -> tuple[float, float]:
    """The factors, from above which to below which, that map a side to so many scores.

    Either up to rounding, by less than one score; or after the side was padded or cropped.
    """
    padding = min(STRIDE, seen / PART)
    low = min((found - 1) / seen, found / (seen + padding))
    return low, max((found + 1) / seen, found / (seen - padding))


def check_order(
    model: Callable[[Tensor], Tensor],
    seen: Tensor,
    shape: Sides,
    *,
    classes: int | None,
    name: str,
) -> None:
    """Refuse an order of axes that the size of this input does not show.

    Where two sides are alike, or as many as there are classes, the model is called once more, on
    the same input twice side by side. What it answers is looked at for its shape alone; no draw is
    counted. A model that does not take such an input is believed, unless classes could be rows.

    Args:
        model: From what `seen` is to scores or labels.
        seen: One input, as the model gets it.
        shape: Of its output for `seen`, which has passed `check_scores`.
        classes: The number that was declared, if it was.
        name: Of the model.

    Raises:
        ModelError: If the axes are in another order, or nothing tells classes from rows.
    """
    sides = tuple(seen.shape[2:])
    doubtful = classes_could_be_a_side(shape, sides, classes)
    for axis in axes_to_tell(sides, doubtful=doubtful):
        wide = torch.cat([seen, seen], axis + 2)
        try:
            found = tuple(model(wide).shape)
        except Exception:  # networks refuse sizes in every way
            if doubtful:
                raise_doubtful(shape, sides, name)
            continue
        told = tuple(wide.shape[2:])
        if found[-len(told) :] == told or (len(found) == len(told) + 2 and covers(found[2:], told)):
            continue
        other = way_out(found, told) if len(found) > len(told) + 1 else turned(found, told)
        if other:
            raise ModelError(
                f"model {name} returned shape {found} for an input of {by(told)}, made to tell its "
                f"axes apart: {rule_of(told)}{other}"
            )
        if doubtful:
            raise_doubtful(shape, sides, name)


def classes_could_be_a_side(shape: Sides, seen: Sides, classes: int | None) -> bool:
    """Tell whether scores (b, k, h, w) could as well be (b, h, w, k)."""
    if len(shape) != len(seen) + 2 or not covers(shape[1:-1], seen):
        return False
    if classes is not None:
        return shape[-1] == classes
    exactly = proportional(shape[2:], seen), proportional(shape[1:-1], seen)
    return exactly != (True, False)


def proportional(found: Sides, seen: Sides) -> bool:
    """Tell whether all sides are mapped by exactly one factor."""
    return all(a * seen[0] == b * found[0] for a, b in zip(found, seen, strict=True))


def axes_to_tell(sides: Sides, *, doubtful: bool) -> list[int]:
    """The axes of which one that is twice as long tells what another of that length could hide."""
    last = len(sides) - 1
    alike = [axis for axis in range(1, last + 1) if sides[axis] in sides[:axis]]
    return alike or ([last] if doubtful else [])


def raise_doubtful(shape: Sides, sides: Sides, name: str) -> None:
    """Refuse scores of which nothing tells the order.

    Raises:
        ModelError: Always.
    """
    raise ModelError(
        f"model {name} returned scores of shape {tuple(shape)} for inputs of {by(sides)}: they "
        f"could be (b, k, {letters(sides)}) or (b, {letters(sides)}, k), and the model takes no "
        "other size, which would tell: declare the number of classes, or return labels, "
        "scores.argmax(1)"
    )


def way_out(shape: Sides, seen: Sides) -> str:
    """Say which other orders of axes would fit."""
    last, found = len(shape) - 1, []
    if covers(shape[1:-1], seen):
        order = ", ".join(map(str, (0, last, *range(1, last))))
        found.append(
            f"these fit (b, {letters(seen)}, k): return scores.permute({order}), or say "
            "output_layout (--output-layout nhwc)"
        )
    if len(seen) == 2 and covers((shape[3], shape[2]), seen):
        found.append("these fit (b, k, w, h): return scores.transpose(2, 3)")
    if len(seen) == 2 and covers((shape[2], shape[1]), seen):
        found.append("these fit (b, w, h, k): return scores.permute(0, 3, 2, 1)")
    if len(seen) == 3 and sorted(shape[2:]) == sorted(seen):
        found.append("these have them in another order: permute them")
    return "; " + "; or ".join(found) if found else ""


def turned(shape: Sides, seen: Sides) -> str:
    """Say that labels (b, w, h) are turned."""
    if sorted(shape[1:]) == sorted(seen):
        return "; these labels have them in another order: permute them"
    return ""


def rule_of(seen: Sides) -> str:
    """The rule for the sides of scores."""
    if len(seen) == 2:
        return (
            "scores must be (b, k, h, w), h and w being those of the input or both in one "
            "proportion to them"
        )
    return f"scores must be (b, k, {letters(seen)}), as they are not resized"


def way_out_of_axes(shape: Sides, seen: Sides) -> str:
    """Say what scores with too many or too few axes could be."""
    if tuple(shape[1:]) == tuple(seen):
        return "; if these are labels, return integers: .long()"
    if len(shape) > len(seen) + 2:
        return "; take the one that you mean, or squeeze the axes of length 1"
    return ""


def kinds(seen: Sides) -> str:
    """Name the sides in words."""
    return "height and width" if len(seen) == 2 else "depth, height and width"


def letters(seen: Sides) -> str:
    """Name the sides by letters."""
    return "h, w" if len(seen) == 2 else "d, h, w"


def by(sides: Sides) -> str:
    """Write sides as 32x48: height before width, as in shapes."""
    return "x".join(map(str, sides))
