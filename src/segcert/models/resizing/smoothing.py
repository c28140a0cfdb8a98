"""Probabilities of classes smoothed over neighbouring components, before the largest wins.

It comes after the noise, so it is part of the base model: any certificate of the whole holds. It
removes flicker at edges. What is returned are logarithms, which are scores like any others.
"""

import math
from functools import lru_cache

import torch
from jaxtyping import Float, Float32, Float64, Int64
from torch import Tensor
from torch.nn import functional

from segcert.errors import InputError, ModelError
from segcert.models.resizing.averaging import SMALLEST, probabilities
from segcert.models.resizing.conventions import Convention, number_text

REACH = 4.0  # standard deviations at which the kernel ends
WIDEST = 256.0  # pixels


def check_width(width: float) -> None:
    """Refuse a width that is none.

    Raises:
        InputError: If it is not in [0, 256].
    """
    if not 0 <= width <= WIDEST:
        raise InputError(
            f"smooth_scores must be a width of 0 to {WIDEST:g} pixels (--smooth-scores), got "
            f"{width}"
        )


def check_scores_are_classes(scores: Tensor, convention: Convention, *, name: str) -> None:
    """Refuse outputs that have no probabilities of classes.

    Raises:
        ModelError: If they are labels, or regions that overlap.
    """
    if not scores.is_floating_point():
        raise ModelError(
            f"model {name} returned {scores.dtype} of shape {tuple(scores.shape)}, labels: "
            "smooth_scores (--smooth-scores) needs scores of classes; leave it out"
        )
    if convention.regions:
        raise ModelError(
            f"model {name} has regions that overlap, and smooth_scores (--smooth-scores) averages "
            "probabilities of classes that exclude each other: leave it out"
        )


def smoothed(
    scores: Float[Tensor, " b k *sides"], width: float, sides: tuple[float, ...]
) -> Float32[Tensor, " b k *sides"]:
    """Blur the softmax by a Gaussian, on the grid of the scores; logarithms come back.

    Image by image, so that no label depends on the batch. A score that is not finite makes all that
    it reaches NaN.

    Args:
        scores: Class scores.
        width: Standard deviation, pixels of the input.
        sides: Of the part of the input that the scores cover, pixels.
    """
    cells = [width * n / side for n, side in zip(scores.shape[2:], sides, strict=True)]
    found = [blurred(one, cells) for one in probabilities(scores)]
    return torch.stack(found).clamp(min=SMALLEST).log()


def blurred(
    image: Float32[Tensor, " k *sides"], cells: list[float]
) -> Float32[Tensor, " k *sides"]:
    """Blur each channel along each axis; beyond the border lies the mirror image.

    Args:
        image: The channels.
        cells: Standard deviation along each axis, in cells.
    """
    for axis, sigma in enumerate(cells, start=1):
        if (weights := kernel(sigma, image.device)) is not None:
            image = blurred_along(image, axis, weights)
    return image


def blurred_along(
    image: Float32[Tensor, " k *sides"], axis: int, weights: Float32[Tensor, " taps"]
) -> Float32[Tensor, " k *sides"]:
    """Blur along one axis: a convolution of each channel with one kernel."""
    shape, n, last = image.shape, image.shape[axis], axis == image.ndim - 1
    wide = image.index_select(axis, mirrored(n, len(weights) // 2, image.device))
    channels = math.prod(shape[:1] if last else shape[:axis])
    length = wide.shape[axis]
    flat = wide.reshape((1, channels, -1, length) if last else (1, channels, length, -1))
    taps = weights.view((1, 1, 1, -1) if last else (1, 1, -1, 1))
    kernels = taps.expand(channels, 1, *taps.shape[2:])
    return functional.conv2d(flat, kernels, groups=channels).reshape(shape)


@lru_cache(maxsize=64)
def kernel(sigma: float, device: torch.device) -> Float32[Tensor, " taps"] | None:
    """Weights of a Gaussian that sum to 1; None where it reaches no other cell."""
    weights = gaussian(sigma)
    if len(weights) == 1:
        return None
    with torch.inference_mode(False):  # kept, and gradients may need it
        return weights.float().to(device)


def gaussian(sigma: float) -> Float64[Tensor, " taps"]:
    """Samples of a Gaussian at whole numbers up to `REACH` standard deviations, of sum 1."""
    radius = int(REACH * sigma + 0.5)
    at = torch.arange(-radius, radius + 1, dtype=torch.float64)
    weights = (-0.5 * (at / sigma) ** 2).exp() if radius else torch.ones_like(at)
    return weights / weights.sum()


@lru_cache(maxsize=64)
def mirrored(n: int, reach: int, device: torch.device) -> Int64[Tensor, " padded"]:
    """Indices of an axis with its mirror image on both sides, the border itself repeated."""
    with torch.inference_mode(False):
        at = torch.arange(-reach, n + reach, device=device).remainder(2 * n)
        return at.minimum(2 * n - 1 - at)


def with_word(name: str, key: str, value: float) -> str:
    """Add a setting to a name that certificates record: ``camvid[smooth_scores=6]``."""
    word = f"{key}={number_text(value)}"
    return f"{name[:-1]},{word}]" if name.endswith("]") else f"{name}[{word}]"
