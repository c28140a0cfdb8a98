"""Evaluate networks of clouds in the shape of Table 2 of the paper.

python -m experiments.table2.clouds --out runs/table2 [--shapes 8] [--n 1000] [--only shapes-0.25]
python -m experiments.table2.clouds --data shapenet_part_cap [--root DIR]

One run folder for each data set, network, noise and number of draws, made by `segcert evaluate`;
stopped at any point, the same command goes on. `python -m experiments.table2.page` writes tables.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from cyclopts import App

from segcert.cli.main import run
from segcert.errors import InputError
from segcert.models.files.checkpoints import read_point_description
from segcert.models.shipped_points import shipped_points

DATA = Path(os.environ.get("SEGCERT_DATA", Path(__file__).parents[3] / "shared/data"))
WEIGHTS = Path(__file__).parent / "weights"
Name = Literal["shapes-0.25", "shapes-normals-0.25", "shapes-0.5", "shapes-normals-0.5"]
NETWORKS: dict[Name, tuple[float, int]] = {  # sigma of the training, and columns
    "shapes-0.25": (0.25, 3),
    "shapes-normals-0.25": (0.25, 6),
    "shapes-0.5": (0.5, 3),
    "shapes-normals-0.5": (0.5, 6),
}
Noise = Literal["coordinates", "rotations"]
ROTATIONS = ("--noise", "rotation", "--sigma", "0.125", "--sigma", "0.25")  # radians
Data = Literal["shapes", "shapenet_part_cap"]
DRAWS = (1000, 10_000)
SETTINGS = (
    *("--n0", "100", "--tau", "0.75", "--tau", "0.85", "--tau", "0.95", "--tau", "0.99"),
    *("--correction", "bonferroni", "--correction", "holm"),
)  # tau = 0.99 with n = 1000 can certify nothing and is left out
SEED = "0"

app = App(help=__doc__, help_format="plaintext")


@app.default
def evaluate(
    *,
    out: Path = Path("runs/table2"),
    data: Data = "shapes",
    shapes: int = 8,
    root: Path = DATA / "shapenet_part_cap",
    weights: Path = WEIGHTS,
    only: list[Name] | None = None,
    noise: list[Noise] | None = None,
    n: list[int] | None = None,
) -> None:
    """Evaluate the networks, one after the other; exit with the status of the first that fails.

    Args:
        out: Folder of the run folders.
        data: Procedural shapes that were not trained on, or the real caps of ShapeNet-Part.
        shapes: How many of them.
        root: Folder of the real caps.
        weights: Folder of the weight files; the shipped network is taken for the one it is.
        only: Networks; by default all.
        noise: By default both.
        n: Numbers of draws; by default those of the paper. 200 is a look on a CPU.
    """
    inputs: tuple[str, ...] = ("--scenes", str(shapes))
    if data == "shapenet_part_cap":
        inputs = ("--root", str(root), "--split", "test", "--subset", str(shapes))
    chosen = {name: find_network(name, weights) for name in only or NETWORKS}
    for draws in n or DRAWS:
        for name, path in chosen.items():
            for kind, scales in noises(name, noise or ["coordinates", "rotations"]):
                status = run(
                    [
                        "evaluate", "--data", data, *inputs, "--model", str(path), *scales,
                        "--n", str(draws), *SETTINGS, "--seed", SEED,
                        "--out", str(out / data / f"n{draws}" / name / kind),
                    ]
                )  # fmt: skip
                if status:
                    raise SystemExit(status)


def noises(name: Name, wanted: list[Noise]) -> Iterator[tuple[Noise, tuple[str, ...]]]:
    """The noises of a network, as arguments; coordinates get that of the training."""
    if "coordinates" in wanted:
        yield "coordinates", ("--noise", "gaussian", "--sigma", f"{NETWORKS[name][0]:g}")
    if "rotations" in wanted:
        yield "rotations", ROTATIONS


def find_network(name: Name, weights: Path) -> Path:
    """Find the file of a network: in the folder, or shipped, if it was trained as the name says.

    Raises:
        InputError: If there is none.
    """
    if (weights / f"{name}.safetensors").is_file():
        return weights / f"{name}.safetensors"
    for path in shipped_points().values():
        about = read_point_description(path)
        if (about.sigma, about.columns) == NETWORKS[name]:
            return path
    sigma, columns = NETWORKS[name]
    normals = "" if columns == 6 else " --no-normals"
    raise InputError(
        f"network {name} is neither in {weights} nor shipped: segcert train --data shapes "
        f"--sigma {sigma:g}{normals} --out {weights / name}.safetensors"
    )


if __name__ == "__main__":
    app()
