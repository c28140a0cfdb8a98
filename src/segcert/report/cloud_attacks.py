"""What an attack on a point cloud did: its files and its figure."""

from pathlib import Path

import numpy as np
from jaxtyping import Float32, Integer
from PIL import Image, ImageDraw
from torch import Tensor

from segcert.certificates.legend import palette_of
from segcert.certificates.pictures import png_bytes
from segcert.certificates.result import Certificate
from segcert.files import atomic_write
from segcert.noise.clouds import AXES
from segcert.report.points_still import ABSTAIN, Viewpoint, draw_points
from segcert.report.points_view import Up, upright

Labels = Integer[np.ndarray, " points"]
SIDE, TITLE = 520, 24  # of a panel and of the line above it, pixels


def write_cloud(
    folder: Path,
    certificate: Certificate,
    cloud: Float32[Tensor, " points columns"],
    attacked: Float32[Tensor, " points columns"],
    labels: tuple[Labels, Labels],
    *,
    up: Up,
) -> bytes:
    """Write ``attacked.npz``, and draw the figure.

    Args:
        folder: Where to.
        certificate: The certificate.
        cloud: What it is about.
        attacked: Coordinates, and normals if the model takes them.
        labels: That the plain model gives the one and the other.
        up: Axis that points up.
    """
    arrays = {"points": attacked[:, :AXES].numpy()}
    if attacked.shape[1] > AXES:
        arrays["normals"] = attacked[:, AXES:].numpy()
    with atomic_write(folder / "attacked.npz") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # names of arrays
    return png_bytes(attack_panels(certificate, cloud, attacked, labels, up=up))


def attack_panels(
    certificate: Certificate,
    cloud: Float32[Tensor, " points columns"],
    attacked: Float32[Tensor, " points columns"],
    labels: tuple[Labels, Labels],
    *,
    up: Up,
) -> Image.Image:
    """Draw labels without attack, labels of the attacked cloud, and certified labels."""
    palette = np.zeros((256, 3), np.uint8)
    colours = palette_of(certificate)
    palette[: len(colours)] = colours
    sure = np.where(
        certificate.certified[:, None], palette[certificate.labels], np.array(ABSTAIN, np.uint8)
    )
    places, moved = cloud[:, :AXES].numpy(), attacked[:, :AXES].numpy()
    panels = (
        ("plain model", places, palette[labels[0]]),
        ("plain model, attacked", moved, palette[labels[1]]),
        ("certified, or grey", places, sure),
    )
    figure = Image.new("RGB", (len(panels) * SIDE, SIDE + TITLE), "white")
    draw = ImageDraw.Draw(figure)
    for number, (title, points, chosen) in enumerate(panels):
        drawn = draw_points(upright(points, up), chosen, size=SIDE, camera=Viewpoint())
        figure.paste(Image.fromarray(drawn), (number * SIDE, TITLE))
        draw.text((number * SIDE + 8, 6), title, fill=(27, 32, 37))
    return figure
