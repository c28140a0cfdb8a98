"""Check the counts of a GPU against the CPU, then time certificates beside the paper's figures.

python -m experiments.gpu --out runs/gpu

Random weights cost as much as trained ones. Writes ``gpu.json`` and ``gpu.md``.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from cyclopts import App

from segcert.files import atomic_write
from segcert.models.nets.hrnet import MEAN, STD, HRNetV2
from segcert.models.nets.pointnet2 import PointNet2

from .measure import (
    Row,
    convolution_rate,
    differing_share,
    time_cloud,
    time_image,
)

PAPER_CARD = "RTX 2080 Ti"
IMAGES = {"0.25": 70.0, "0.5": 75.6, "1": 92.8, "multi": 1040.6}  # seconds, n0 = 10, n = 100
CLOUDS = {1000: 54.0, 10_000: 497.0}  # seconds, by n
MOST_DIFFERENT = 2e-2  # share of the counts: labels that tie within the rounding of TF32
app = App(help="Check and time certificates on a GPU.")


@dataclass(frozen=True)
class Sizes:
    """How large everything is.

    Args:
        width: Of HRNetV2.
        image: Height and width, pixels.
        checked: Height and width of the image on which the counts are compared.
        draws: Pilot draws and test draws of an image.
        points: Of a cloud.
        scales: Of the image.
        clouds: Test draws of a cloud.
    """

    width: int = 48
    image: tuple[int, int] = (1024, 2048)
    checked: tuple[int, int] = (256, 512)
    draws: tuple[int, int] = (10, 100)
    points: int = 2048
    scales: tuple[str, ...] = tuple(IMAGES)
    clouds: tuple[int, ...] = tuple(CLOUDS)


def report(device: str, sizes: Sizes) -> dict[str, object]:
    """Check and time everything."""
    torch.manual_seed(0)
    hrnet, cloud_net = HRNetV2(19, sizes.width).eval(), PointNet2().eval()
    different = differing_share(hrnet, sizes.checked, device=device)
    rate = convolution_rate(device)
    rows: list[Row] = []
    for scale in sizes.scales:
        rows.append(
            time_image(
                hrnet, sizes.image, scale, *sizes.draws, device=device, rate=rate,
                paper=IMAGES[scale], mean=MEAN, std=STD,
            )
        )  # fmt: skip
    for n in sizes.clouds:
        rows.append(
            time_cloud(
                cloud_net, sizes.points, sizes.draws[0], n, device=device, paper=CLOUDS.get(n, 0.0)
            )
        )
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else "a CPU"
    return {
        "device": name, "torch": torch.__version__, "sizes": asdict(sizes),
        "tf32": torch.backends.cudnn.allow_tf32, "convolution TFLOP/s": rate / 1e12,
        "share of counts that differ from the CPU's": different,
        "rows": [asdict(row) for row in rows],
    }  # fmt: skip


def as_markdown(found: dict[str, object], rows: list[Row]) -> str:
    """Tell the figures as a table."""
    lines = [
        f"{found['device']}, torch {found['torch']}, TF32 convolutions "
        f"{'allowed' if found['tf32'] else 'off'}, measured rate of convolutions "
        f"{found['convolution TFLOP/s']:.3g} TFLOP/s. Share of counts that differ from the CPU's: "
        f"{found[DIFFERENT]:.2g}.",
        "",
        f"| what | draws | seconds | bound by the convolutions | paper ({PAPER_CARD}) |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        bound = f"{row.bound:.3g}" if row.bound else ""
        paper = f"{row.paper:g}" if row.paper else ""
        lines.append(f"| {row.name} | {row.draws} | {row.seconds:.3g} | {bound} | {paper} |")
    return "\n".join(lines) + "\n"


DIFFERENT = "share of counts that differ from the CPU's"


def run(out: Path, device: str, sizes: Sizes) -> bool:
    """Write both files; tell whether the counts are those of the CPU."""
    found = report(device, sizes)
    rows = [Row(**row) for row in found["rows"]]  # type: ignore[attr-defined]  # a list there
    text = as_markdown(found, rows)
    for name, content in (("gpu.json", json.dumps(found, indent=1) + "\n"), ("gpu.md", text)):
        with atomic_write(out / name) as file:
            file.write(content.encode())
    print(text)
    return float(str(found[DIFFERENT])) <= MOST_DIFFERENT


@app.default
def main(*, out: Path = Path("runs/gpu"), device: str = "cuda") -> None:
    """Check and time.

    Args:
        out: Folder of the figures.
        device: Where to run.
    """
    if not run(out, device, Sizes()):
        raise SystemExit("the counts differ from those of the CPU by more than ties")


if __name__ == "__main__":
    app()
