"""Normals of a point cloud, from its coordinates alone."""

import torch
from jaxtyping import Float
from torch import Tensor

from segcert.errors import InputError
from segcert.models.nets.point_ops import closest_points, gather


@torch.no_grad()
def estimate_normals(
    points: Float[Tensor, " b n 3"], neighbours: int = 16
) -> Float[Tensor, " b n 3"]:
    """Fit a plane to the closest points of each point, and return its unit normal.

    A plane has two normals: the one that points away from the centre of the cloud is returned,
    or, where it is orthogonal to that direction, either. No gradient passes.

    Args:
        points: Coordinates.
        neighbours: Points that a plane is fitted to, the point itself among them; 3 or more.

    Returns:
        Unit normals; NaN for clouds with a coordinate that is not finite.

    Raises:
        InputError: If ``neighbours`` is below 3 or a cloud has fewer points.

    Source:
        Hoppe et al. (1992), SIGGRAPH, Section 3.2 (the plane; not the orientation).
    """
    if neighbours < 3:
        raise InputError(f"a plane needs 3 neighbours or more, got {neighbours}")
    finite = torch.isfinite(points).all(2).all(1)[:, None, None]
    sound = points.where(finite, 0)
    near = gather(sound, closest_points(sound, sound, neighbours)).double()
    near = near - near.mean(2, keepdim=True)
    spread = torch.einsum("bnsi,bnsj->bnij", near, near)
    normals: Tensor = torch.linalg.eigh(spread).eigenvectors[..., 0].to(points.dtype)
    outwards = sound - sound.mean(1, keepdim=True)
    inverted = (normals * outwards).sum(2, keepdim=True) < 0
    return normals.where(~inverted, -normals).where(finite, torch.nan)
