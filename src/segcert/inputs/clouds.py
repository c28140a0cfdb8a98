"""Point clouds: coordinates in the units of the file, normals, one part number per point."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int16

from segcert.errors import InputError
from segcert.inputs.labels import IGNORE

MOST_LABEL = IGNORE - 1  # 255 means unlabelled, as in images
LEAST_POINTS = 2
PAIRWISE = 2048  # up to so many points all distances are computed at once
CHUNK = 1 << 22  # distances held at once, 32 MiB
ROUNDING = 1e-5  # share of the extent that float32 may move a coordinate
UNIT = 1e-3  # normals whose length is so near to 1 are kept as they are

NOT_FINITE = (
    "are not finite: taken as unknown, (0, 0, 0); a model with normals can have them computed: "
    "--normals recomputed"
)


@dataclass(frozen=True)
class Cloud:
    """One point cloud with what is known about it; make it with `checked_cloud`.

    Args:
        name: How records and files call it.
        points: Coordinates in the units of the file.
        normals: Of length 1; (0, 0, 0) where the normal is unknown. None if there are none.
        labels: Part or class numbers in 0..254; 255 is unlabelled. None if there are none.
        category: Number of the category of the shape, if it has one.
        notes: What a reader should know: points that lie on others, normals that were rescaled.
    """

    name: str
    points: Float32[np.ndarray, " n 3"]
    normals: Float32[np.ndarray, " n 3"] | None = None
    labels: Int16[np.ndarray, " n"] | None = None
    category: int | None = None
    notes: tuple[str, ...] = ()


def checked_cloud(
    name: str,
    points: np.ndarray,
    *,
    normals: np.ndarray | None = None,
    labels: np.ndarray | None = None,
    category: int | None = None,
    least: int = LEAST_POINTS,
    where: str = "",
    notes: tuple[str, ...] = (),
    unknown: int = 0,
) -> Cloud:
    """Check arrays and make them a cloud.

    Points may lie on each other; their number goes into the notes. Normals of another length than
    1 are scaled to it, but for zeros, which mean "unknown"; both numbers go into the notes.

    Args:
        name: How records and files call it.
        points: Shape (n, 3), any real type.
        normals: Shape (n, 3), any real type.
        labels: Shape (n,), whole numbers in 0..255; 255 and -1 are unlabelled.
        category: Number of the category of the shape.
        least: Fewest points that are accepted.
        where: The file, for errors; by default the name.
        notes: What else a reader should know.
        unknown: How many of the normals that are zero were not finite where they come from.

    Raises:
        InputError: If a shape or a type is wrong, a number is not finite, there are too few
            points, all of them coincide, float32 is too coarse for them, or a label is outside
            0..255.
    """
    place = where or name
    exact = checked_columns(place, "points", points, least=least)
    checked_extent(place, exact)
    notes += coincident(exact.astype(np.float32))
    directions = None
    if normals is not None:
        directions, more = unit_normals(checked_columns(place, "normals", normals), unknown)
        notes += more
    parts = None if labels is None else checked_labels(place, labels)
    for what, found in (("normals", directions), ("labels", parts)):
        if found is not None and len(found) != len(exact):
            raise InputError(f"{place} has {len(exact)} points but {len(found)} {what}")
    return Cloud(
        name=name,
        points=np.ascontiguousarray(exact, np.float32),
        normals=directions,
        labels=parts,
        category=category,
        notes=notes,
    )


def checked_columns(
    name: str, what: str, values: np.ndarray, *, least: int = 0
) -> Float[np.ndarray, " n 3"]:
    """Check that an array holds finite numbers in three columns.

    Raises:
        InputError: With the first row that does not.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise InputError(f"{what} of {name} must be real numbers, got {array.dtype}")
    if array.ndim != 2 or array.shape[1] != 3:
        raise InputError(f"{what} of {name} must have shape (n, 3), got {array.shape}")
    if len(array) < least:
        raise InputError(f"{name} must have at least {least} points, got {len(array)}")
    with np.errstate(invalid="ignore"):  # a NaN that signals; it is refused below
        array = array.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(array).all(1))
    if bad.size:
        raise InputError(
            f"{what} of {name} must be finite, got {array[bad[0]].tolist()} in point {bad[0]} "
            f"(the first of {len(bad)}): remove these points"
        )
    return array


def checked_extent(name: str, points: Float[np.ndarray, " n 3"]) -> None:
    """Refuse clouds without an extent, and those that float32 cannot hold.

    Raises:
        InputError: If all points coincide, or rounding moves one by over 1e-5 of the extent.
    """
    extent = float(np.ptp(points, axis=0).max())
    if not extent > 0:
        raise InputError(
            f"{name} has diameter 0: all {len(points)} points are {points[0].tolist()}"
        )
    with np.errstate(over="ignore"):
        moved = float(np.abs(points.astype(np.float32) - points).max())
    if moved > ROUNDING * extent:
        raise InputError(
            f"float32 moves points of {name} by {moved:.3g}, over {ROUNDING:g} of its extent "
            f"{extent:.3g}: subtract a common offset from the coordinates"
        )


def coincident(points: Float32[np.ndarray, " n 3"]) -> tuple[str, ...]:
    """Count points that lie exactly on an earlier one, as a note."""
    rows = np.ascontiguousarray(points + np.float32(0))  # -0 becomes 0
    extra = len(rows) - len(np.unique(rows.view("V12")))
    return (f"{extra} of {len(rows)} points lie exactly on another",) if extra else ()


def unit_normals(
    normals: Float[np.ndarray, " n 3"], unknown: int
) -> tuple[Float32[np.ndarray, " n 3"], tuple[str, ...]]:
    """Scale normals to length 1, but for zeros, and note how many were neither.

    Args:
        normals: Of any length.
        unknown: How many of the zeros were not finite.
    """
    largest = np.abs(normals).max(1, initial=0.0, keepdims=True)
    safe = normals / np.where(largest > 0, largest, 1)  # squares neither overflow nor vanish
    length = np.linalg.norm(safe, axis=1, keepdims=True) * largest
    zero, near = length[:, 0] == 0, np.abs(length[:, 0] - 1) <= UNIT
    scaled = np.where(
        near[:, None], normals, safe / np.linalg.norm(safe + zero[:, None], axis=1)[:, None]
    )
    changed = int((~zero & ~near).sum())
    counted = (
        (unknown, NOT_FINITE),
        (changed, "were scaled to length 1"),
        (int(zero.sum()) - unknown, "are zero: unknown"),
    )
    notes = tuple(f"{count} of {len(normals)} normals {what}" for count, what in counted if count)
    return scaled.astype(np.float32), notes


def checked_labels(name: str, labels: np.ndarray) -> Int16[np.ndarray, " n"]:
    """Check part or class numbers; -1 becomes 255.

    Raises:
        InputError: If they are not whole numbers in 0..255 (or -1), one per point.
    """
    array = np.asarray(labels)
    if array.ndim != 1 or array.dtype.kind not in "fiu":
        raise InputError(
            f"labels of {name} must be one number per point, got {array.dtype} {array.shape}"
        )
    bad = np.flatnonzero(~((array == np.floor(array)) & (array >= -1) & (array <= IGNORE)))
    if bad.size:
        raise InputError(
            f"labels of {name} must be whole numbers in 0..{MOST_LABEL}, or {IGNORE} for "
            f"unlabelled, got {array[bad[0]]} in point {bad[0]} (the first of {len(bad)})"
        )
    return np.where(array == -1, IGNORE, array).astype(np.int16)


def diameter(points: Float[np.ndarray, " n 3"]) -> float:
    """Compute the largest distance between two points, exactly but for rounding in float64.

    Of more than 2048 points only the vertices of the convex hull are compared, since the two
    farthest points are among them. Distances are computed 2^22 at a time.

    Args:
        points: Finite, at least one.
    """
    from scipy.spatial.distance import cdist  # images do without

    corners = points.astype(np.float64)
    if len(corners) > PAIRWISE:
        corners = hull_vertices(corners)
    step = max(1, CHUNK // len(corners))
    return max(
        float(cdist(corners[at : at + step], corners[at:]).max())
        for at in range(0, len(corners), step)
    )


def hull_vertices(points: Float[np.ndarray, " n 3"]) -> Float[np.ndarray, " m 3"]:
    """Find points among which are the vertices of the convex hull.

    A cloud in a plane or on a line has no hull in space: there it is taken along the principal
    axes that the cloud extends along.
    """
    from scipy.spatial import ConvexHull, QhullError

    centred = points - points.mean(0)
    _, extents, axes = np.linalg.svd(centred.T @ centred)
    rank = int((extents > 1e-12 * extents[0]).sum())
    flat = centred @ axes[:rank].T
    if rank == 1:
        return points[[int(flat.argmin()), int(flat.argmax())]]
    try:
        vertices: np.ndarray = points[ConvexHull(flat).vertices]
    except QhullError:  # all but flat: no point may be lost
        return points
    return vertices
