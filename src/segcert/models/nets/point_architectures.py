"""Networks of clouds that training can build, by name."""

from typing import Literal, get_args

from torch import nn

from segcert.errors import InputError
from segcert.models.nets.pointnet import PointNet
from segcert.models.nets.pointnet2 import CENTRES, PointNet2
from segcert.models.nets.slim_pointnet2 import SlimPointNet2

PointArchitecture = Literal["pointnet", "slim-pointnet2", "pointnet2"]
SMALLEST = {"pointnet": 1, "slim-pointnet2": 256, "pointnet2": CENTRES}  # points of a cloud


def build_points(architecture: str, classes: int, *, columns: int, categories: int) -> nn.Module:
    """Make a network with fresh weights, from the global random stream.

    Args:
        architecture: Its name.
        classes: Number of parts, over all categories.
        columns: 3 for coordinates, 6 with normals.
        categories: Number of categories that the network is told.

    Raises:
        InputError: If there is no such network.
    """
    if architecture == "pointnet":
        return PointNet(classes, columns=columns, categories=categories)
    if architecture == "slim-pointnet2":
        return SlimPointNet2(classes, columns=columns, categories=categories)
    if architecture == "pointnet2":
        return PointNet2(classes, columns=columns, categories=categories)
    names = ", ".join(get_args(PointArchitecture))
    raise InputError(f"architecture of clouds must be one of {names}, got {architecture!r}")
