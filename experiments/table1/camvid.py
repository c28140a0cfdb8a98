"""Evaluate every kind of training on CamVid val, in the shape of Table 1 of the paper.

python -m experiments.table1.camvid --out runs/table1 [--images 4] [--only consistency]

One run folder for each model, made by `segcert evaluate`; stopped at any point, the same command
goes on. `segcert report runs/table1/*` prints the table.
"""

import os
from pathlib import Path
from typing import Literal

from cyclopts import App

from segcert.cli.main import run

DATA = Path(os.environ.get("SEGCERT_DATA", Path(__file__).parents[3] / "shared/data"))
WEIGHTS = Path(__file__).parent / "weights"
Kind = Literal["non-robust", "denoised", "gaussian", "mixed", "consistency"]
MODELS: dict[Kind, tuple[str, ...]] = {  # arguments of segcert evaluate
    "non-robust": ("--model", "camvid-plain"),
    "denoised": ("--model", "camvid-plain", "--denoiser", "camvid-denoiser"),
    "gaussian": ("--model", str(WEIGHTS / "camvid-gaussian.safetensors")),
    "mixed": ("--model", str(WEIGHTS / "camvid-mixed.safetensors")),
    "consistency": ("--model", str(WEIGHTS / "camvid-consistency.safetensors")),
}
SETTINGS = (
    *("--sigma", "0.25", "--sigma", "0.33", "--sigma", "0.5"),
    *("--scale", "0.5", "--scale", "1"),
    *("--tau", "0.75", "--n", "100", "--tau", "0.95", "--n", "500"),
)  # tau = 0.95 with n = 100 can certify nothing and is left out
SEED = "0"

app = App(help=__doc__)


@app.default
def evaluate(
    *,
    out: Path = Path("runs/table1"),
    images: int = 4,
    root: Path = DATA / "camvid",
    only: list[Kind] | None = None,
) -> None:
    """Evaluate the models, one after the other; exit with the status of the first that fails."""
    for kind in only or list(MODELS):
        status = run(
            [
                "evaluate", "--data", "camvid", "--root", str(root), *MODELS[kind], *SETTINGS,
                "--subset", str(images), "--seed", SEED, "--out", str(out / kind),
            ]
        )  # fmt: skip
        if status:
            raise SystemExit(status)


if __name__ == "__main__":
    app()
