"""Ways to smooth what a network answers: all of them come after the noise."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from segcert.models.adapter import Segmenter

Answer = Callable[[Tensor], Tensor]  # from normalised noisy images to scores
STRIDE = 4  # pixels of a cell of the score grid of the shipped networks
SMALLEST = torch.finfo(torch.float32).tiny


@dataclass(frozen=True)
class Filter:
    """One way.

    Args:
        name: In the table.
        width: Of the Gaussian of `Segmenter`, pixels; 0 for none.
        change: What is done to scores (b, k, h, w) besides, given the images.
    """

    name: str
    width: float = 0.0
    change: Callable[[Tensor, Tensor], Tensor] | None = None

    def of(self, segmenter: Segmenter, answer: Answer) -> Segmenter:
        """The segmenter with this filter, and its network's answers as they were."""
        from dataclasses import replace

        def model(batch: Tensor) -> Tensor:
            scores = answer(batch)
            return scores if self.change is None else self.change(scores, batch)

        return replace(segmenter, model=model, smooth_scores=self.width, configuration=self.name)


def majority(side: int) -> Callable[[Tensor, Tensor], Tensor]:
    """The most frequent label in a window: a median for classes that have no order."""

    def change(scores: Tensor, _: Tensor) -> Tensor:
        labels = scores.argmax(1)
        votes = functional.one_hot(labels, scores.shape[1]).movedim(-1, 1).float()
        wide = functional.pad(votes, (side // 2,) * 4, mode="replicate")
        shares = functional.avg_pool2d(wide, side, 1)
        return (shares + 1e-3 * scores.softmax(1)).log()  # ties go to the larger score

    return change


def edge_aware(width: float, contrast: float) -> Callable[[Tensor, Tensor], Tensor]:
    """A joint bilateral filter: neighbours count less where the noisy image differs.

    Args:
        width: Standard deviation in space, cells.
        contrast: Standard deviation of the difference of colours, units of the network's input,
            after each cell was averaged.
    """
    reach = int(2 * width + 0.5)

    def change(scores: Tensor, images: Tensor) -> Tensor:
        guide = functional.interpolate(images, scores.shape[2:], mode="area")
        p = scores.softmax(1)
        height, wide = p.shape[2:]
        padded, around = (functional.pad(one, (reach,) * 4, mode="replicate") for one in (p, guide))
        total, weights = torch.zeros_like(p), torch.zeros_like(p[:, :1])
        for dy in range(2 * reach + 1):
            for dx in range(2 * reach + 1):
                here = (..., slice(dy, dy + height), slice(dx, dx + wide))
                far = ((dy - reach) ** 2 + (dx - reach) ** 2) / width**2
                other = (around[here] - guide).square().sum(1, keepdim=True) / contrast**2
                weight = (-0.5 * (far + other)).exp()
                total, weights = total + weight * padded[here], weights + weight
        return (total / weights).clamp(min=SMALLEST).log()

    return change


PLAIN = Filter("none")
TRIED = (
    PLAIN,
    *(Filter(f"Gaussian, {width:g} pixels", width=width) for width in (2, 4, 6, 8, 12, 16, 24)),
    Filter("majority of labels, 3x3 cells", change=majority(3)),
    Filter("majority of labels, 7x7 cells", change=majority(7)),
    Filter("edge-aware, 12 pixels", change=edge_aware(12 / STRIDE, 0.5)),
)
