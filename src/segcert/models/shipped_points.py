"""Networks of clouds that come with segcert, and how to open one by name or path."""

from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import torch

from segcert.data.part_numbers import CATEGORIES, PARTS, category_number, check_category
from segcert.errors import InputError
from segcert.models.files.checkpoints import is_of_points, load_point_weights, read_header
from segcert.models.files.pointnet2_checkpoints import load_pointnet2
from segcert.models.files.sidecar import check_no_sidecar
from segcert.models.identity.names import own_name
from segcert.models.nets.point_architectures import SMALLEST
from segcert.models.point_segmenter import PointSegmenter, as_point_segmenter

CHECKPOINTS = (".pth", ".pt")
PUBLIC = "pointnet2"  # the network of public checkpoints
COLUMNS_WITH_NORMALS = 6


def shipped_points() -> dict[str, Path]:
    """Names and files of the shipped networks of clouds."""
    folder = Path(str(files("segcert.models") / "weights"))
    paths = sorted(folder.glob("*.safetensors"))
    return {path.stem: path for path in paths if is_of_points(read_header(path))}


def find_points(name: str) -> Path:
    """Find the file of a network of clouds.

    Raises:
        InputError: If there is no such network.
    """
    known = shipped_points()
    if name in known:
        return known[name]
    if Path(name).suffix in (".safetensors", *CHECKPOINTS):
        return Path(name)
    raise InputError(
        f"unknown model of point clouds {name!r}: choose one of "
        f"{', '.join(known) or '(none is shipped)'}, or give the .safetensors file of segcert "
        "train, or a PointNet++ checkpoint (.pth, .pt)"
    )


def open_network(
    name: str,
    *,
    category: str | int | None = None,
    votes: int = 1,
    normal_neighbours: int = 0,
) -> PointSegmenter:
    """Open a network of clouds, shipped or of ``segcert train``, or a PointNet++ checkpoint.

    It is put onto the CUDA device, if there is one. Votes and normals that are computed are part of
    the model that is certified, so its name says them.

    Args:
        name: Name of a shipped network, or path of a weight file or PointNet++ checkpoint.
        category: Name or number of the category of the clouds; None leaves it open, until
            `of_category` names it.
        votes: Runs that are averaged; see `PointSegmenter`.
        normal_neighbours: Points from which each normal is computed; 0 trusts those of the cloud.

    Raises:
        InputError: If there is no such network or category, the file is unusable, or normals are
            to be computed and the network takes none.
    """
    path = find_points(name)
    options = {"votes": votes, "normal_neighbours": normal_neighbours}
    public = path.suffix in CHECKPOINTS
    segmenter = open_checkpoint(path, **options) if public else open_weights(path, **options)
    if path != shipped_points().get(name):
        segmenter = replace(segmenter, name=own_name(segmenter.name, path))
    if normal_neighbours and segmenter.columns != COLUMNS_WITH_NORMALS:
        raise InputError(f"model {segmenter.name} takes no normals: do not recompute them")
    told = {
        "normals": "recomputed" if normal_neighbours else None,
        "votes": votes if votes != 1 else None,
    }
    words = ",".join(f"{key}={value}" for key, value in told.items() if value is not None)
    segmenter = replace(segmenter, name=f"{segmenter.name}[{words}]" if words else segmenter.name)
    if torch.cuda.is_available():
        segmenter.to(torch.device("cuda"))
    return segmenter if category is None else of_category(segmenter, category)


def open_weights(path: Path, *, votes: int, normal_neighbours: int) -> PointSegmenter:
    """Open a network of ``segcert train``."""
    check_no_sidecar(path)
    net, about = load_point_weights(path)
    segmenter = as_point_segmenter(
        net, name=path.stem, columns=about.columns, votes=votes,
        normal_neighbours=normal_neighbours, smallest_size=SMALLEST[about.architecture],
        class_names=about.classes, palette=about.palette,
    )  # fmt: skip
    return replace(segmenter, configuration=about.architecture)


def open_checkpoint(path: Path, *, votes: int, normal_neighbours: int) -> PointSegmenter:
    """Open a PointNet++ checkpoint of the 50 parts; it does not say how they are called."""
    check_no_sidecar(path)
    net = load_pointnet2(path)
    segmenter = as_point_segmenter(
        net, name=path.stem, columns=net.columns, votes=votes,
        normal_neighbours=normal_neighbours, smallest_size=SMALLEST[PUBLIC],
        classes=sum(map(len, PARTS)),
    )  # fmt: skip
    return replace(segmenter, configuration=PUBLIC)


def of_category(segmenter: PointSegmenter, category: str | int) -> PointSegmenter:
    """Tell a model the category: it answers the parts of this category only, in global numbers.

    Args:
        segmenter: A model of the 50 parts of the 16 categories.
        category: Name or number.

    Raises:
        InputError: If there is no such category, or the model has other classes than the parts.
    """
    number = category_number(category) if isinstance(category, str) else category
    check_category(number)
    classes = sum(map(len, PARTS))
    if segmenter.classes not in (None, classes):
        raise InputError(
            f"model {segmenter.name} has {segmenter.classes} classes, not the {classes} parts of "
            f"the {len(CATEGORIES)} categories"
        )
    return replace(segmenter, category=number, parts=PARTS[number])
