"""Attack one image: the plain model, or the smoothed one."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int16, Integer
from torch import Tensor

from segcert.attacks.ascent import Look, look_at_plain
from segcert.attacks.objective import Objective, objective
from segcert.attacks.pgd import Attacked, pgd
from segcert.attacks.projection import Ball, exact_values
from segcert.attacks.rounded import noise_off_grid
from segcert.attacks.smoothed import look_at_smoothed
from segcert.data.images import ImageInput, hash_image, read_image
from segcert.errors import InputError
from segcert.models.adapter import Model, Segmenter, as_segmenter, check_eval_mode
from segcert.noise.base import AbstractNoise
from segcert.sampling.setup import check_size, choose_device, stream_kind_of
from segcert.sampling.streams import Streams, check_seed


@dataclass(frozen=True)
class Search:
    """How to attack.

    Args:
        radius: Of the l2 ball, input units.
        steps: Gradient steps, at least 1.
        restarts: Climbs more, from random points.
        target: Class that all components should get; None for any wrong one.
        noise: Attack the model under this noise; None attacks it without noise.
        draws: Of the noise, at each step.
        seed: Of random starts and of the noise of the attack, in [0, 2^128).
    """

    radius: float
    steps: int = 40
    restarts: int = 0
    target: int | None = None
    noise: AbstractNoise | None = None
    draws: int = 8
    seed: int = 0


def attack(
    model: Model | Segmenter,
    image: ImageInput,
    labels: Integer[np.ndarray, " *components"],
    search: Search,
    *,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Attacked:
    """Look for an image in an l2 ball, within [0, 1], that a model labels wrongly.

    Args:
        model: Scores classes; see `as_segmenter`.
        image: The image at the centre of the ball.
        labels: Class that an attack without target drives each component away from; 255 is
            ignored by any attack.
        search: How.
        device: Where; see `sample`.
        progress: Called with looks done and looks in all.

    Returns:
        The best image found, on the CPU.

    Raises:
        InputError: If an argument is out of range, or the labels do not fit.
        ModelError: If the model has no gradient.
    """
    segmenter = as_segmenter(model)
    check_eval_mode(segmenter)
    check_seed(search.seed)
    x = read_image(image)
    check_size(x, segmenter)
    if labels.shape != tuple(x.shape[1:]):
        raise InputError(
            f"the labels have shape {labels.shape}, the image has components {tuple(x.shape[1:])}"
        )
    where = choose_device(device, segmenter)
    segmenter.to(where)
    goal = objective(torch.from_numpy(labels), target=search.target, device=where)
    found = pgd(
        look_of(segmenter, goal, search, Streams(
            search.seed, hash_image(x), where, stream_kind_of(where)
        )),
        Ball(exact_values(x).to(where), search.radius),
        steps=search.steps, restarts=search.restarts, progress=progress,
        rng=torch.Generator().manual_seed(search.seed % 2**63),
    )  # fmt: skip
    return replace(found, image=found.image.cpu())


def look_of(segmenter: Segmenter, goal: Objective, search: Search, streams: Streams) -> Look:
    """Look at the plain model, or at the smoothed one."""
    if search.noise is None:
        return look_at_plain(segmenter, goal)
    noise = noise_off_grid(search.noise)
    return look_at_smoothed(segmenter, goal, noise, streams, draws=search.draws)


def plain_labels(
    model: Model | Segmenter, image: Float32[Tensor, " *shape"], *, device: str = "auto"
) -> Int16[np.ndarray, " *components"]:
    """Label an image without noise."""
    segmenter = as_segmenter(model)
    batch = image[None].to(choose_device(device, segmenter))
    labels: np.ndarray = segmenter.labels(batch)[0].cpu().numpy()
    return labels


def certified_only(
    labels: Integer[np.ndarray, " *components"], certified: Bool[np.ndarray, " *components"]
) -> Int16[np.ndarray, " *components"]:
    """Labels of a certificate, with 255 (ignored) where nothing is certified."""
    return np.where(certified, labels, 255).astype(np.int16)
