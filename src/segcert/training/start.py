"""What a training run goes out from: random weights, or those of a file."""

from pathlib import Path

from torch import nn

from segcert.data.part_numbers import CATEGORIES
from segcert.errors import InputError
from segcert.models.denoisers import load_denoiser
from segcert.models.files.checkpoints import (
    Description,
    PointDescription,
    load_point_weights,
    load_weights,
)
from segcert.models.identity.weights_hash import hash_weights
from segcert.models.nets.architectures import build
from segcert.models.nets.denoising import ResidualDenoiser
from segcert.models.nets.point_architectures import build_points

SHOWN = 12  # digits of a hash that name weights


def starting_network(
    architecture: str, classes: tuple[str, ...], weights: Path | None
) -> tuple[nn.Module, str]:
    """Make the network to train.

    Args:
        architecture: Its name.
        classes: Names of the classes, in order.
        weights: Weight file of ours to go out from; None for random weights, from the global
            random stream.

    Returns:
        The network, and what it goes out from, for records.

    Raises:
        InputError: If the file is unusable, or holds another network or other classes.
    """
    if weights is None:
        return build(architecture, len(classes)), "random"
    net, about = load_weights(weights)
    check_same(weights, about, architecture, classes)
    return net, f"{weights.stem} {hash_weights(net)[:SHOWN]}"


def starting_point_network(
    architecture: str,
    classes: tuple[str, ...],
    weights: Path | None,
    *,
    columns: int,
) -> tuple[nn.Module, str]:
    """Make the network of clouds to train; see `starting_network`.

    Args:
        architecture: Its name.
        classes: Names of the parts, in order.
        weights: Weight file of ours to go out from; None for random weights.
        columns: 3 for coordinates, 6 with normals.

    Raises:
        InputError: If the file is unusable, or holds another network, classes or columns.
    """
    if weights is None:
        count = len(classes)
        net = build_points(architecture, count, columns=columns, categories=len(CATEGORIES))
        return net, "random"
    net, about = load_point_weights(weights)
    check_same(weights, about, architecture, classes)
    if about.columns != columns:
        raise InputError(
            f"--start-from {weights} takes {about.columns} columns per point, the run has "
            f"{columns}: 3 is --no-normals, 6 is --normals"
        )
    return net, f"{weights.stem} {hash_weights(net)[:SHOWN]}"


def check_same(
    weights: Path,
    about: Description | PointDescription,
    architecture: str,
    classes: tuple[str, ...],
) -> None:
    """Refuse weights of another network or other classes.

    Raises:
        InputError: With both.
    """
    if about.architecture != architecture:
        raise InputError(
            f"--start-from {weights} holds a {about.architecture}, the run trains a "
            f"{architecture}: add --architecture {about.architecture}"
        )
    if about.classes != classes:
        raise InputError(
            f"--start-from {weights} knows the classes {', '.join(about.classes)}; the data have "
            f"{', '.join(classes)}: they must be the same, in the same order"
        )


def starting_denoiser(weights: Path | None) -> tuple[nn.Module, str]:
    """Make the denoiser to train: a fresh one, or that of a weight file of ours.

    Raises:
        InputError: If the file is unusable, or holds no denoiser.
    """
    if weights is None:
        return ResidualDenoiser(), "random"
    net, _ = load_denoiser(weights)
    return net, f"{weights.stem} {hash_weights(net)[:SHOWN]}"
