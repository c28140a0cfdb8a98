"""Public checkpoints of PointNet++ (``.pth``, ``.pt``), with or without normals."""

from pathlib import Path

import torch

from segcert.models.files.weights_files import fit_weights, read_weights
from segcert.models.nets.point_blocks import CATEGORIES
from segcert.models.nets.pointnet2 import PARTS, PointNet2

FIRST = "sa1.conv_blocks.0.0.weight"  # its inputs tell whether a network takes normals


def load_pointnet2(path: Path, *, parts: int = PARTS, categories: int = CATEGORIES) -> PointNet2:
    """Read a public checkpoint, or any state dict of this network, with or without normals.

    Args:
        path: File that ``torch.save`` wrote.
        parts: Number of parts it must score.
        categories: Number of categories it must take.

    Returns:
        The network in eval mode, on the CPU.

    Raises:
        InputError: If the file is missing, damaged, unsafe or does not fit.
    """
    weights = read_weights(path)
    first = weights.get(FIRST, torch.empty(0, 6))
    columns = 6 if first.ndim > 1 and first.shape[1] == 9 else 3
    net = PointNet2(parts, columns=columns, categories=categories)
    fit_weights(
        net, weights, path=path,
        architecture=f"PointNet++ MSG of {columns} columns, {parts} parts, {categories} categories",
    )  # fmt: skip
    return net.eval()
