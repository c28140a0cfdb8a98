"""Evaluate networks of clouds in the shape of Table 2 of the paper.

python -m experiments.table2.clouds --weights DIR --out runs/table2 [--shapes 8] [--protocol]

The folder of weights holds shapes-normals-0.25.safetensors, shapes-0.25.safetensors and the same
with 0.5, as `segcert train --data shapes` makes them. One run folder for each network, data set and
noise, made by `segcert evaluate`; stopped at any point, the same command goes on.
`segcert report runs/table2/*` prints the table.
"""

import os
from pathlib import Path

from cyclopts import App

from segcert.cli.main import run

DATA = Path(os.environ.get("SEGCERT_DATA", Path(__file__).parents[3] / "shared/data"))
CAPS = DATA / "shapenet_part_cap"
BOTH = ("--correction", "bonferroni", "--correction", "holm")
LOW, HIGH = ("--tau", "0.75", "--tau", "0.85"), ("--tau", "0.95", "--tau", "0.99")
SMALL = {"low": ("--n", "200", "--n0", "20", *LOW)}
PROTOCOL = {
    "low": ("--n", "1000", "--n0", "100", *LOW),
    "high": ("--n", "10000", "--n0", "100", *HIGH),
}
NETWORKS = {  # name -> sigma of its training
    f"shapes-{normals}{sigma}": sigma for sigma in ("0.25", "0.5") for normals in ("normals-", "")
}
ROTATIONS = ("0.125", "0.25")  # radians

app = App(help=__doc__, help_format="plaintext")


@app.default
def evaluate(
    *,
    weights: Path,
    out: Path = Path("runs/table2"),
    shapes: int = 8,
    caps: int = 3,
    protocol: bool = False,
    caps_root: Path = CAPS,
) -> None:
    """Evaluate all networks; exit with the status of the first run that fails.

    Args:
        weights: Folder of the weight files.
        out: Folder of the run folders.
        shapes: Number of procedural shapes.
        caps: Number of real caps; 0 for none.
        protocol: With the numbers of draws of the paper, not the small ones.
        caps_root: Folder of the caps.
    """
    sets: dict[str, tuple[str, ...]] = {"shapes": ("--data", "shapes", "--scenes", str(shapes))}
    if caps and caps_root.is_dir():
        where = ("--root", str(caps_root), "--split", "test", "--subset", str(caps))
        sets["caps"] = ("--data", "shapenet_part_cap", *where)
    for network, sigma in NETWORKS.items():
        noises = {
            "gaussian": ("--noise", "gaussian", "--sigma", sigma),
            "rotation": ("--noise", "rotation", *(w for s in ROTATIONS for w in ("--sigma", s))),
        }
        for data, which in sets.items():
            for noise, scales in noises.items():
                for name, draws in (PROTOCOL if protocol else SMALL).items():
                    status = run(
                        [
                            "evaluate", *which, "--model", str(weights / f"{network}.safetensors"),
                            *scales, *draws, *BOTH, "--seed", "0",
                            "--out", str(out / f"{network}-{data}-{noise}-{name}"),
                        ]
                    )  # fmt: skip
                    if status:
                        raise SystemExit(status)


if __name__ == "__main__":
    app()
