"""Open models of point clouds by name or path; their options become part of their name.

Category, normals and votes belong to the base model that is certified, so its recorded name says
them, as in ``pointnet2[category=mug,normals=trusted,votes=3]``, and `recorded_point_model` reads
them back.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor

from segcert.data import part_numbers
from segcert.errors import InputError
from segcert.files import check_regular
from segcert.models.confined.chunks import in_chunks
from segcert.models.files.checkpoints import (
    WeightFile,
    is_of_points,
    point_network_in,
    read_weight_file,
)
from segcert.models.files.exported import KIND, Program, load_program
from segcert.models.files.pointnet2_checkpoints import load_pointnet2
from segcert.models.files.sidecar import check_no_sidecar, read_sidecar
from segcert.models.identity.file_hashes import hash_model
from segcert.models.identity.names import own_name, shipped_files
from segcert.models.nets.ground import NAMES, PALETTE, Ground
from segcert.models.nets.point_architectures import SMALLEST
from segcert.models.point_segmenter import CLASSES, PointSegmenter
from segcert.models.shipped_points import shipped_points
from segcert.models.wrapping_points import as_point_segmenter

PUBLIC = "pointnet2"  # the network of public checkpoints
NEIGHBOURS = 16  # from which normals are computed
BUILT_IN = ("ground",)
SUFFIXES = (".safetensors", ".pth", ".pt", ".pt2")
OF_IMAGES = ("mean", "std", "smallest_side", "align_corners", "inplace_abn")
FILES = (
    "weights of segcert train (.safetensors), a PointNet++ checkpoint (.pth, .pt) or an exported "
    "program (.pt2)"
)

Normals = Literal["trusted", "recomputed", "none"]


@dataclass(frozen=True)
class PointOptions:
    """What a model of clouds is told besides the points.

    Args:
        category: Name or number of the category of all clouds; None if the model takes none.
        normals: "trusted" takes those of the file, "recomputed" computes them from the noisy
            points, "none" uses none; None is "trusted" for models that take normals.
        votes: Runs that are averaged.
        smooth_neighbours: Closest points whose probabilities are averaged, each point itself among
            them; 1 for none.
    """

    category: str | None = None
    normals: Normals | None = None
    votes: int = 1
    smooth_neighbours: int = 1

    @property
    def number(self) -> int | None:
        """Number of the category.

        Raises:
            InputError: If there is no such category.
        """
        if self.category is None:
            return None
        if not re.fullmatch(r"\d+", self.category):
            return part_numbers.category_number(self.category)
        part_numbers.check_category(int(self.category))
        return int(self.category)


def open_point_model(
    name: str, options: PointOptions | None = None, *, each_category: bool = False
) -> PointSegmenter:
    """Open a model of clouds.

    A network is put onto the CUDA device, if there is one.

    Args:
        name: "ground" (see `Ground`), a shipped network, or the path of weights of ``segcert
            train``, of a PointNet++ checkpoint or of a ``.pt2`` program
            from a batch (b, n, 3) or (b, n, 6), and categories (b,) if it takes them, to scores
            (b, classes, n).
        options: What it is told.
        each_category: Whether each cloud brings a category, of which the model is told then; see
            `of_category`.

    Raises:
        InputError: If there is no such model, its file is unusable, or an option does not fit.
    """
    options = options or PointOptions()
    left_open = options.number is None and not each_category
    path = find(name)
    if path is None:
        return with_options(ground(name), options, categories=False)
    check_regular(path, what="model")
    called = name if name in shipped_files() else own_name(path.stem, path)
    if path.suffix == ".pt2":
        return open_program(path, options, name=called, each_category=each_category)
    check_no_sidecar(path)
    file = read_weight_file(path) if path.suffix == ".safetensors" else None
    if file and name in shipped_files() and not is_of_points(file.header):
        raise unknown(name)
    if left_open:
        raise InputError(
            f"model {name} is told the category of a shape: add --category, one of "
            f"{', '.join(part_numbers.CATEGORIES)}"
        )
    plain = open_weights(file) if file else open_checkpoint(path, named=not each_category)
    if torch.cuda.is_available():
        plain.to(torch.device("cuda"))
    plain = replace(plain, name=called)
    return with_options(plain, options, categories=True, each_category=each_category)


def find(name: str) -> Path | None:
    """Where a model of clouds would be, whatever the file holds; None for what needs no file.

    Raises:
        InputError: If the name is neither that of a model or shipped weights nor a path.
    """
    if name in BUILT_IN or name in shipped_files():
        return shipped_files().get(name)
    if Path(name).suffix in SUFFIXES:
        return Path(name)
    raise unknown(name)


def unknown(name: str) -> InputError:
    """Make the error about a name that no model of clouds has."""
    return InputError(
        f"unknown model of point clouds {name!r}: choose one of "
        f"{', '.join([*BUILT_IN, *shipped_points()])}, or give the path of {FILES}"
    )


def ground(name: str) -> PointSegmenter:
    """Open the rule that is built in."""
    return as_point_segmenter(
        Ground(), name=name, normalise=False, class_names=NAMES, palette=PALETTE
    )


def open_weights(file: WeightFile) -> PointSegmenter:
    """Open a network of ``segcert train``."""
    net, about = point_network_in(file)
    segmenter = as_point_segmenter(
        net, name=file.path.stem, columns=about.columns, smallest_size=SMALLEST[about.architecture],
        class_names=about.classes, palette=about.palette,
    )  # fmt: skip
    return replace(segmenter, configuration=about.architecture, origin=about)


def open_checkpoint(path: Path, *, named: bool) -> PointSegmenter:
    """Open a PointNet++ checkpoint of the 50 parts, which does not say how they are called.

    Args:
        path: Of the checkpoint.
        named: Whether parts are called by category and number; data sets have other names.
    """
    net = load_pointnet2(path)
    segmenter = as_point_segmenter(
        net, name=path.stem, columns=net.columns, smallest_size=SMALLEST[PUBLIC], classes=CLASSES,
        class_names=part_numbers.NAMES if named else (),
        palette=part_numbers.PALETTE if named else (),
    )  # fmt: skip
    return replace(segmenter, configuration=PUBLIC)


def with_options(
    plain: PointSegmenter,
    options: PointOptions,
    *,
    categories: bool,
    each_category: bool = False,
) -> PointSegmenter:
    """Tell a model its options, and put those into its name.

    Args:
        plain: The model alone.
        options: What it is told.
        categories: Whether it takes a category; its parts are then those of ShapeNet-Part.
        each_category: Whether each cloud brings its own; that normals are trusted is then not said.

    Raises:
        InputError: If an option does not fit the model.
    """
    number, normals = options.number, normals_for(plain, options)
    if number is not None and not categories:
        raise InputError(f"model {plain.name} takes no category: leave out --category")
    if options.votes > 1 and not isinstance(plain.model, torch.nn.Module):
        raise InputError(f"model {plain.name} does not vote: use --votes 1, got {options.votes}")
    unsaid = ("none", "trusted") if each_category else ("none",)
    told = {
        "category": None if number is None else part_numbers.CATEGORIES[number],
        "normals": None if normals in unsaid else normals,
        "votes": options.votes if options.votes != 1 else None,
        "smooth_neighbours": options.smooth_neighbours if options.smooth_neighbours != 1 else None,
    }
    words = ",".join(f"{key}={value}" for key, value in told.items() if value is not None)
    return replace(
        plain,
        name=f"{plain.name}[{words}]" if words else plain.name,
        category=number,
        parts=() if number is None else part_numbers.PARTS[number],
        normal_neighbours=NEIGHBOURS if normals == "recomputed" else 0,
        votes=options.votes,
        smooth_neighbours=options.smooth_neighbours,
    )


def normals_for(plain: PointSegmenter, options: PointOptions) -> Normals:
    """Which normals a model gets.

    Raises:
        InputError: If it takes normals and is to get none, or the reverse.
    """
    normals = options.normals or ("trusted" if plain.columns == 6 else "none")
    if (normals == "none") == (plain.columns == 6):
        takes = "takes normals" if plain.columns == 6 else "takes no normals"
        way_out = "use --normals trusted or recomputed" if plain.columns == 6 else "leave it out"
        raise InputError(f"model {plain.name} {takes}, got --normals {normals}: {way_out}")
    return normals


def recorded_point_model(recorded: str) -> tuple[str, PointOptions]:
    """Read a recorded name back: the model alone, and what it was told.

    Raises:
        InputError: If it is no such name.
    """
    found = re.fullmatch(r"(?P<name>[^\[]+)(\[(?P<words>[^\]]*)\])?", recorded)
    pairs = [] if found is None else [one.split("=") for one in (found["words"] or "").split(",")]
    told = {pair[0]: pair[1] for pair in pairs if len(pair) == 2}
    normals = told.get("normals")
    if found is None or normals not in (None, *get_args(Normals)):
        raise InputError(f"the certificate names no model of point clouds: {recorded!r}")
    return found["name"], PointOptions(
        category=told.get("category"),
        normals=normals,  # type: ignore[arg-type]  # checked above
        votes=int(told.get("votes", "1")),
        smooth_neighbours=int(told.get("smooth_neighbours", "1")),
    )


def open_program(
    path: Path, options: PointOptions, *, name: str, each_category: bool
) -> PointSegmenter:
    """Open an exported program of clouds.

    Args:
        path: Of the program.
        options: What it is told.
        name: How certificates call it.
        each_category: Whether each cloud brings its category.

    Raises:
        InputError: If it is damaged, or takes something else.
    """
    sidecar = read_sidecar(path)
    sidecar.refuse(OF_IMAGES, path, "is for models of images")
    program = load_program(path)
    sides = program.inputs[0].sides if program.inputs else ()
    if len(sides) != 3 or sides[2].fixed not in (3, 6) or len(program.inputs) > 2:
        raise InputError(
            f"model {path} must take clouds (b, n, 3) or (b, n, 6), and categories (b,) or nothing"
        )
    takes_category = len(program.inputs) == 2
    if takes_category and options.number is None and not each_category:
        raise InputError(f"model {path} is told the category of a shape: add --category")
    plain = as_point_segmenter(
        program_call(program, sides[0].fixed),
        name=name,
        columns=sides[2].fixed,
        smallest_size=sides[1].fixed or max(1, sides[1].least),
        class_names=sidecar.classes,
        palette=sidecar.palette,
        stochastic=sidecar.stochastic,
    )
    segmenter = with_options(plain, options, categories=takes_category, each_category=each_category)
    sha256 = hash_model(KIND, [program.sha256], {"points": "1"})
    return replace(segmenter, weights_sha256=sha256, configuration="")


def program_call(program: Program, batch_size: int | None) -> Callable[..., Tensor]:
    """Make a program a function of any number of clouds, all of one category."""

    def call(points: Tensor, *told: Tensor) -> Tensor:
        def one(chunk: Tensor) -> Tensor:
            return program(chunk, *(given[:1].expand(len(chunk)) for given in told))

        return in_chunks(one, points, batch_size)

    return call
