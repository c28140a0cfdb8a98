"""Certify one 2048x1024 photograph of Cityscapes with HRNetV2 at the scales of the paper.

python -m experiments.table1.photograph --photo PHOTO.png --checkpoint cityscapes.pth
python -m experiments.table1.photograph --photo PHOTO.png --width 18 --scale 0.25 --scale multi

Without checkpoint the weights are random: that shows that the pipeline works and what it costs; the
classes mean nothing. Each run is that of `segcert certify`; its certificate is verified.
"""

import json
import time
from pathlib import Path

import torch
from cyclopts import App
from rich.console import Console
from rich.table import Table

from segcert.certificates.result import load_certificate
from segcert.cli.main import run
from segcert.data.cityscapes import CLASSES
from segcert.models.nets.hrnet import HRNetV2
from segcert.text import percent_text

app = App(help=__doc__, help_format="plaintext")


@app.default
def photograph(
    *,
    photo: Path,
    checkpoint: Path | None = None,
    width: int = 48,
    scale: list[str] | None = None,
    tau: float = 0.6,
    alpha: float = 0.05,
    n0: int = 1,
    n: int = 20,
    blocks: int = 64,
    out: Path = Path("runs/photograph"),
) -> None:
    """Certify at each scale, print a table, and keep it beside the certificates."""
    out.mkdir(parents=True, exist_ok=True)
    weights = checkpoint or random_checkpoint(out / f"hrnetv2_w{width}_random.pth", width)
    rows = []
    for one in scale or ["0.25", "0.5", "1", "multi"]:
        folder = out / f"{weights.stem}_{one}"
        began = time.perf_counter()
        status = run(
            [
                "certify", str(photo), "--model", str(weights), "--scale", one, "--tau", str(tau),
                "--alpha", str(alpha), "--n0", str(n0), "--n", str(n), "--blocks", str(blocks),
                "--seed", "0", "--out", str(folder),
            ]
        ) or run(["verify", str(folder / photo.stem)])  # fmt: skip
        if status:
            raise SystemExit(status)
        rows.append(row(folder / photo.stem, one, time.perf_counter() - began))
        (out / f"{weights.stem}.json").write_text(json.dumps(rows, indent=2) + "\n")
    show(rows)


def row(folder: Path, scale: str, seconds: float) -> dict[str, object]:
    """What a certificate says, and how long it took."""
    found = load_certificate(folder)
    return {
        "scale": scale,
        "pixels": found.counts.components,
        "certified": percent_text(int(found.certified.sum()), found.counts.components),
        "radius": round(found.radius, 4),
        "draws": found.counts.n0 + found.counts.n,
        "seconds": round(seconds, 1),
    }


def random_checkpoint(path: Path, width: int) -> Path:
    """Write a checkpoint of random weights, in the layout of the authors' (prefix ``model.``)."""
    torch.manual_seed(0)
    net = HRNetV2(len(CLASSES), width)
    torch.save({f"model.{name}": part for name, part in net.state_dict().items()}, path)
    return path


def show(rows: list[dict[str, object]]) -> None:
    """Print the rows."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows[0]:
        table.add_column(name)
    for one in rows:
        table.add_row(*map(str, one.values()))
    Console().print(table)


if __name__ == "__main__":
    app()
