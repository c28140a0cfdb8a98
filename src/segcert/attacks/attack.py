"""Attack one image or point cloud: the plain model, or the smoothed one."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Int16, Integer, Shaped
from torch import Tensor

from segcert.attacks.ascent import Look, look_at_free, look_at_plain
from segcert.attacks.objective import Objective, objective
from segcert.attacks.pgd import Attacked, pgd
from segcert.attacks.projection import Neighbourhood, exact_values
from segcert.attacks.smoothed import look_at_smoothed
from segcert.errors import InputError
from segcert.inputs.input import Source, read
from segcert.inputs.kind import components_of
from segcert.models.adapter import Model
from segcert.models.callables import check_eval_mode
from segcert.models.fits import check_fits
from segcert.models.protocol import SegmentationModel, WrappedModel
from segcert.noise.base import AbstractNoise
from segcert.noise.off_grid import noise_off_grid
from segcert.sampling.setup import as_base_model, choose_device, stream_kind_of
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
    model: Model | SegmentationModel,
    image: Source,
    labels: Integer[np.ndarray, " *components"],
    search: Search,
    *,
    device: str = "auto",
    progress: Callable[[int, int], None] | None = None,
) -> Attacked:
    """Look for an image in an l2 ball, within [0, 1], that a model labels wrongly.

    Of a point cloud the coordinates are attacked, in the units of the file and without limits
    besides the ball; its normals stay as they are.

    Args:
        model: Scores classes; see `as_segmenter`.
        image: The image or cloud at the centre of the ball.
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
    segmenter = attackable(model)
    check_seed(search.seed)
    given = read(image)
    check_fits(given, segmenter)
    if labels.shape != given.components:
        raise InputError(
            f"the labels have shape {labels.shape}, the input has components {given.components}"
        )
    where = choose_device(device, segmenter)
    segmenter.to(where)
    goal = objective(torch.from_numpy(labels), target=search.target, device=where)
    look = look_of(
        segmenter, goal, search,
        Streams(search.seed, given.sha256, where, stream_kind_of(where)),
    )  # fmt: skip
    kind, exact = given.kind, exact_values(given.tensor).to(where)
    found = pgd(
        look_at_free(look, kind, exact),
        Neighbourhood(kind.free(exact), search.radius, box=kind.bounded),
        steps=search.steps, restarts=search.restarts, progress=progress,
        rng=torch.Generator().manual_seed(search.seed % 2**63),
    )  # fmt: skip
    return replace(found, best=kind.with_free(exact, found.best).cpu())


def attackable(model: Model | SegmentationModel) -> WrappedModel:
    """Take a model whose gradient can be had.

    Raises:
        InputError: If it is a model of the user's own, which offers none.
        ModelError: If it is in train mode.
    """
    segmenter = as_base_model(model)
    if not isinstance(segmenter, WrappedModel):
        raise InputError(f"model {segmenter.name} offers no gradient: wrap it as a segmenter")
    check_eval_mode(segmenter)
    return segmenter


def look_of(segmenter: WrappedModel, goal: Objective, search: Search, streams: Streams) -> Look:
    """Look at the plain model, or at the smoothed one."""
    if search.noise is None:
        return look_at_plain(segmenter, goal)
    noise = noise_off_grid(search.noise)
    return look_at_smoothed(segmenter, goal, noise, streams, draws=search.draws)


def plain_labels(
    model: Model | SegmentationModel, x: Shaped[Tensor, " *shape"], *, device: str = "auto"
) -> Int16[np.ndarray, " *components"]:
    """Label an input without noise; uint8 becomes [0, 1]."""
    segmenter = as_base_model(model)
    batch = (x if x.is_floating_point() else x / 255)[None].to(choose_device(device, segmenter))
    labels = segmenter.to_labels(segmenter.output(batch), components_of(x))[0]
    return labels.cpu().numpy()


def certified_only(
    labels: Integer[np.ndarray, " *components"], certified: Bool[np.ndarray, " *components"]
) -> Int16[np.ndarray, " *components"]:
    """Labels of a certificate, with 255 (ignored) where nothing is certified."""
    return np.where(certified, labels, 255).astype(np.int16)
