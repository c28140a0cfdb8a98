"""The protocol of the paper's Table 1, for whoever has the data and the checkpoints.

python -m experiments.table1.protocol --cityscapes DIR --cityscapes-checkpoint cityscapes.pth
python -m experiments.table1.protocol --pascal-context DIR --pascal-checkpoint pascal.pth \
    --label-order alphabetical

100 evenly spaced images of the validation split, n0 = 10, alpha = 0.001 for each image, Holm's
correction; tau = 0.75 with n = 100 and tau = 0.95 with n = 500. The checkpoints are those that the
authors trained with noise of sigma = 0.25, or any other of HRNetV2. Stopped at any point, the same
command goes on.

Sources: Fischer, Baader, Vechev (2021), section 6.2, and the README of their program.
"""

from pathlib import Path

from cyclopts import App

from segcert.cli.main import run
from segcert.errors import InputError

SIGMAS = ("--sigma", "0.25", "--sigma", "0.33", "--sigma", "0.5")
BOTH = ("--tau", "0.75", "--n", "100", "--tau", "0.95", "--n", "500")
FIRST = ("--tau", "0.75", "--n", "100")
COMMON = ("--n0", "10", "--alpha", "0.001", "--correction", "holm", "--subset", "100")
CITYSCAPES = {  # name of the run -> scales and settings
    "scale025": ("--scale", "0.25", *SIGMAS, *BOTH),
    "scale05": ("--scale", "0.5", *SIGMAS, *BOTH),
    "scale1": ("--scale", "1", *SIGMAS, *FIRST),
    "multi": ("--scale", "multi", "--sigma", "0.25", *FIRST),
}
PASCAL = {
    "scale05": ("--scale", "0.5", *SIGMAS, *BOTH),
    "scale1": ("--scale", "1", *SIGMAS, *BOTH),
    "multi": ("--scale", "multi-pascal", "--sigma", "0.25", *FIRST),
}

app = App(help=__doc__, help_format="plaintext")


@app.default
def protocol(
    *,
    out: Path = Path("runs/protocol"),
    cityscapes: Path | None = None,
    cityscapes_checkpoint: Path | None = None,
    pascal_context: Path | None = None,
    pascal_checkpoint: Path | None = None,
    label_order: str = "alphabetical",
    only: list[str] | None = None,
    device: str = "auto",
) -> None:
    """Run the rows of the table for which data and checkpoint are given."""
    seed = ("--seed", "0", "--device", device)
    if cityscapes and cityscapes_checkpoint:
        data = ("--data", "cityscapes", "--root", str(cityscapes))
        model = ("--model", str(cityscapes_checkpoint))
        evaluate_all(CITYSCAPES, (*data, *model, *COMMON, *seed), out / "cityscapes", only)
    if pascal_context and pascal_checkpoint:
        data = ("--data", "pascal_context", "--root", str(pascal_context))
        order = ("--label-order", label_order, "--resize", "before noise")  # as the paper does
        model = ("--model", str(pascal_checkpoint))
        evaluate_all(PASCAL, (*data, *order, *model, *COMMON, *seed), out / "pascal", only)
    complete = (cityscapes and cityscapes_checkpoint) or (pascal_context and pascal_checkpoint)
    if not complete:
        raise InputError("give --cityscapes and --cityscapes-checkpoint, or the pair of Pascal")


def evaluate_all(
    rows: dict[str, tuple[str, ...]], common: tuple[str, ...], out: Path, only: list[str] | None
) -> None:
    """Evaluate some rows; exit with the status of the first that fails."""
    for name in only or list(rows):
        status = run(["evaluate", *common, *rows[name], "--out", str(out / name)])
        if status:
            raise SystemExit(status)


if __name__ == "__main__":
    app()
