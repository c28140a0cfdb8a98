"""Attack one image or point cloud: the plain model, or the smoothed one."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int16, Integer
from torch import Tensor

from segcert.attacks.ascent import Attackable, Look, look_at_coordinates, look_at_plain
from segcert.attacks.objective import Objective, objective
from segcert.attacks.pgd import Attacked, pgd
from segcert.attacks.projection import Neighbourhood, exact_values
from segcert.attacks.smoothed import look_at_smoothed
from segcert.data.images import hash_image
from segcert.errors import InputError
from segcert.models.adapter import Model, Segmenter
from segcert.models.callables import check_eval_mode
from segcert.models.point_segmenter import PointSegmenter
from segcert.models.protocol import SegmentationModel
from segcert.noise.base import AbstractNoise
from segcert.noise.clouds import AXES
from segcert.noise.off_grid import noise_off_grid
from segcert.sampling.inputs import Input, check_fits, is_cloud, read_input
from segcert.sampling.setup import as_base_model, check_size, choose_device, stream_kind_of
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
    image: Input,
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
    x = read_input(image)
    check_fits(x, segmenter)
    if isinstance(segmenter, Segmenter):
        check_size(x, segmenter)
    components = tuple(x.shape[:1] if is_cloud(x) else x.shape[1:])
    if labels.shape != components:
        raise InputError(
            f"the labels have shape {labels.shape}, the input has components {components}"
        )
    where = choose_device(device, segmenter)
    segmenter.to(where)
    goal = objective(torch.from_numpy(labels), target=search.target, device=where)
    look = look_of(
        segmenter, goal, search,
        Streams(search.seed, hash_image(x), where, stream_kind_of(where)),
    )  # fmt: skip
    centre, normals = exact_values(x).to(where), x[:, AXES:].to(where)
    if is_cloud(x):
        centre, look = centre[:, :AXES], look_at_coordinates(look, normals)
    found = pgd(
        look, Neighbourhood(centre, search.radius, box=not is_cloud(x)),
        steps=search.steps, restarts=search.restarts, progress=progress,
        rng=torch.Generator().manual_seed(search.seed % 2**63),
    )  # fmt: skip
    best = torch.cat([found.image, normals], 1) if is_cloud(x) else found.image
    return replace(found, image=best.cpu())


def attackable(model: Model | SegmentationModel) -> Attackable:
    """Take a model whose gradient can be had.

    Raises:
        InputError: If it is a model of clouds without gradients.
        ModelError: If it is in train mode.
    """
    segmenter = as_base_model(model)
    if not isinstance(segmenter, (Segmenter, PointSegmenter)):
        raise InputError(f"model {segmenter.name} offers no gradient: wrap it as a segmenter")
    check_eval_mode(segmenter)
    return segmenter


def look_of(segmenter: Attackable, goal: Objective, search: Search, streams: Streams) -> Look:
    """Look at the plain model, or at the smoothed one."""
    if search.noise is None:
        return look_at_plain(segmenter, goal)
    noise = noise_off_grid(search.noise)
    return look_at_smoothed(segmenter, goal, noise, streams, draws=search.draws)


def plain_labels(
    model: Model | SegmentationModel, image: Float32[Tensor, " *shape"], *, device: str = "auto"
) -> Int16[np.ndarray, " *components"]:
    """Label an image or cloud without noise."""
    segmenter = as_base_model(model)
    batch = image[None].to(choose_device(device, segmenter))
    components = tuple(image.shape[:1] if is_cloud(image) else image.shape[1:])
    labels: np.ndarray = segmenter.to_labels(segmenter.output(batch), components)[0].cpu().numpy()
    return labels


def certified_only(
    labels: Integer[np.ndarray, " *components"], certified: Bool[np.ndarray, " *components"]
) -> Int16[np.ndarray, " *components"]:
    """Labels of a certificate, with 255 (ignored) where nothing is certified."""
    return np.where(certified, labels, 255).astype(np.int16)
