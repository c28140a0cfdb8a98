"""Average probabilities of several views of one image, strip by strip, never all at full size.

A view is the image at one size, seen whole or through windows. Its probabilities stay at the
resolution at which the network gives them. At each pixel of the input, the windows that cover its
centre are read there (bilinearly, as ``interpolate`` with ``align_corners=False``) and averaged;
then the views are averaged, each with the same weight.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import torch
from jaxtyping import Float, Float32, Int16
from torch import Tensor

from segcert.models.resizing.upsample import SCORES_AT_ONCE
from segcert.models.resizing.windows import Axis, whole_axis

SMALLEST = torch.finfo(torch.float32).tiny  # a probability whose logarithm is finite


@dataclass(frozen=True, eq=False)
class View:
    """Probabilities of an image at one size.

    Args:
        rows: Windows from top to bottom.
        columns: Windows from left to right.
        windows: Probabilities (b, k, h', w') of each window, row of windows after row.
    """

    rows: Axis
    columns: Axis
    windows: tuple[Float32[Tensor, " b k _ _"], ...]


@dataclass(frozen=True, eq=False)
class AveragedViews:
    """Probabilities that are to be averaged.

    Args:
        views: What was seen.
        count: Views that their sum is divided by.
    """

    views: tuple[View, ...]
    count: int

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """All probabilities, as they come from the network."""
        return tuple(window for view in self.views for window in view.windows)


Output = Tensor | AveragedViews


@dataclass(frozen=True, eq=False)
class Cells:
    """Where along one axis of a window's map the pixels of the input lie.

    Args:
        pixels: The pixels that the window covers.
        lower: Cell at or before each pixel's centre.
        upper: Cell at or after it.
        share: Of the latter, in [0, 1).
    """

    pixels: range
    lower: Tensor
    upper: Tensor
    share: Tensor

    def within(self, strip: range) -> "Cells":
        """Keep the pixels that are in a strip too."""
        start = max(strip.start, self.pixels.start)
        pixels = range(start, max(start, min(strip.stop, self.pixels.stop)))
        kept = slice(pixels.start - self.pixels.start, pixels.stop - self.pixels.start)
        return Cells(pixels, self.lower[kept], self.upper[kept], self.share[kept])


def cells_of(axis: Axis, start: int, cells: int, side: int, device: torch.device) -> Cells:
    """Find where the pixels of the input lie in a window's map.

    Args:
        axis: The windows.
        start: First pixel of the window, in the resized image.
        cells: Size of its map.
        side: Size of the input.
        device: Where the map is.
    """
    pixels = axis.covered(start, side)
    centre = torch.arange(pixels.start, pixels.stop, dtype=torch.float64, device=device) + 0.5
    centre = (centre * axis.whole / side - start) * cells / axis.length - 0.5
    centre = centre.clamp(0, cells - 1)
    lower = centre.floor()
    return Cells(pixels, lower.long(), centre.ceil().long(), (centre - lower).float())


def probabilities(scores: Float[Tensor, " b k *size"]) -> Float32[Tensor, " b k *size"]:
    """Softmax over the classes, NaN where a score is not finite.

    Image by image: the last bit of a softmax depends on how many values are worked on at once, and
    labels must not depend on the batch.
    """
    found = [image.float().contiguous().softmax(0) for image in scores]
    finite = torch.isfinite(scores).all(1, keepdim=True)
    return torch.stack(found).masked_fill(~finite, torch.nan)


def view_of(
    image: Float[Tensor, " b c h w"],
    rows: Axis,
    columns: Axis,
    size: tuple[int, int],
    see: Callable[[Tensor], Tensor],
) -> View:
    """Show an image to the network, window by window.

    A map of no fewer cells than the input has pixels there is read at the pixels at once, and
    added to one sum: all windows together then take no more than one map of the input's size.

    Args:
        image: The resized images.
        rows: Windows from top to bottom.
        columns: Windows from left to right.
        size: Height and width of the input.
        see: From a window to its probabilities (b, k, h', w').
    """
    windows: list[Tensor] = []
    total: Tensor | None = None
    for top, left in product(rows.starts, columns.starts):
        seen = see(image[:, :, top : top + rows.length, left : left + columns.length])
        if not is_fine(seen, rows, columns, size):
            windows.append(seen)
            continue
        if total is None:
            total = seen.new_zeros((*seen.shape[:2], *size))
        for at in range(len(seen)):
            add_window(total[at], seen[at], (rows, top), (columns, left), size, range(size[0]))
    if total is None:
        return View(rows, columns, tuple(windows))
    divide(total, rows, columns, size, range(size[0]))
    return View(whole_axis(size[0]), whole_axis(size[1]), (total,))


def is_fine(seen: Tensor, rows: Axis, columns: Axis, size: tuple[int, int]) -> bool:
    """Tell whether a map has as many cells as the input has pixels in its window."""
    pixels = rows.length * size[0] * columns.length * size[1] / (rows.whole * columns.whole)
    return seen.shape[2] * seen.shape[3] >= pixels


def gathered(views: list[View], size: tuple[int, int]) -> AveragedViews:
    """Add up the views that have a value for each pixel."""
    axes = whole_axis(size[0]), whole_axis(size[1])
    dense: list[View] = []
    coarse: list[View] = []
    for view in views:
        exact = (view.rows, view.columns) == axes and view.windows[0].shape[2:] == size
        (dense if exact else coarse).append(view)
    if dense:
        total = dense[0].windows[0]
        for view in dense[1:]:
            total = total + view.windows[0]
        coarse.append(View(*axes, (total,)))
    return AveragedViews(tuple(coarse), len(views))


def mean_strips(
    views: AveragedViews, image: int, size: tuple[int, int]
) -> Iterator[tuple[slice, Float32[Tensor, " k rows width"]]]:
    """Average the views of one image of the batch, some rows at a time.

    Args:
        views: What is averaged.
        image: Number of the image in the batch.
        size: Height and width of the input.

    Yields:
        Rows, and the probabilities there; NaN where a score was not finite.
    """
    height, width = size
    first = views.tensors[0]
    budget = SCORES_AT_ONCE[first.device.type == "cuda"]
    rows = max(1, budget // (first.shape[1] * width))
    for start in range(0, height, rows):
        strip = range(start, min(start + rows, height))
        total = first.new_zeros((first.shape[1], len(strip), width))
        for view in views.views:
            seen = torch.zeros_like(total)
            places = product(view.rows.starts, view.columns.starts)
            for window, (top, left) in zip(view.windows, places, strict=True):
                add_window(seen, window[image], (view.rows, top), (view.columns, left), size, strip)
            total = total + divide(seen, view.rows, view.columns, size, strip)
        yield slice(strip.start, strip.stop), total / views.count


def add_window(
    total: Float32[Tensor, " k rows width"],
    window: Float32[Tensor, " k _ _"],
    vertical: tuple[Axis, int],
    horizontal: tuple[Axis, int],
    size: tuple[int, int],
    strip: range,
) -> None:
    """Read a window's map at the pixels of a strip that it covers, and add it there, in place.

    Args:
        total: Of the strip.
        window: The map.
        vertical: The windows from top to bottom, and where this one starts.
        horizontal: The windows from left to right, and where this one starts.
        size: Height and width of the input.
        strip: Rows of the input.
    """
    down = cells_of(*vertical, window.shape[1], size[0], window.device).within(strip)
    if not down.pixels:
        return
    right = cells_of(*horizontal, window.shape[2], size[1], window.device)
    tall = torch.lerp(window[:, down.lower], window[:, down.upper], down.share[:, None])
    wide = torch.lerp(tall[:, :, right.lower], tall[:, :, right.upper], right.share)
    rows = slice(down.pixels.start - strip.start, down.pixels.stop - strip.start)
    total[:, rows, right.pixels.start : right.pixels.stop] += wide


def divide(total: Tensor, rows: Axis, columns: Axis, size: tuple[int, int], strip: range) -> Tensor:
    """Divide sums over windows by the number of windows at each pixel, in place."""
    if len(rows.starts) > 1:
        total /= rows.times(size[0])[strip.start : strip.stop, None].to(total.device)
    if len(columns.starts) > 1:
        total /= columns.times(size[1]).to(total.device)
    return total


def labels_of_views(
    views: AveragedViews, size: tuple[int, int], *, invalid: int
) -> Int16[Tensor, " b height width"]:
    """Take the class of the largest mean probability.

    Args:
        views: What is averaged.
        size: Height and width of the labels, pixels.
        invalid: Label where a score was not finite.
    """
    batch = len(views.tensors[0])
    labels = torch.empty((batch, *size), dtype=torch.int16, device=views.tensors[0].device)
    for image in range(batch):
        for rows, mean in mean_strips(views, image, size):
            best = mean.max(0)  # NaN if there is one
            labels[image, rows] = best.indices.short().masked_fill_(best.values.isnan(), invalid)
    return labels


def margins_of_views(
    views: AveragedViews, size: tuple[int, int]
) -> Float32[Tensor, " b height width"]:
    """Mean probability of the best class minus that of the second; NaN where no class is best."""
    first = views.tensors[0]
    margins = torch.ones((len(first), *size), device=first.device)
    for image in range(len(first) if first.shape[1] > 1 else 0):
        for rows, mean in mean_strips(views, image, size):
            best = mean.topk(2, dim=0).values
            margins[image, rows] = best[0] - best[1]
    return margins


def log_mean(views: AveragedViews, size: tuple[int, int]) -> Float32[Tensor, " b k height width"]:
    """Logarithm of the mean probabilities, all at full size: gradients need them."""
    images = [
        torch.cat([mean for _, mean in mean_strips(views, image, size)], 1)
        for image in range(len(views.tensors[0]))
    ]
    return torch.stack(images).clamp(min=SMALLEST).log()
