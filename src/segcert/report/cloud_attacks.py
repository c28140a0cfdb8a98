"""What an attack on a point cloud did: its files and its figure."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from PIL import Image, ImageDraw
from torch import Tensor

from segcert.attacks.check import AttackCheck
from segcert.certificates.legend import palette_of
from segcert.certificates.pictures import png_bytes
from segcert.certificates.result import Certificate
from segcert.files import atomic_write
from segcert.noise.clouds import AXES
from segcert.report.attacks import PlainEffect, plain_record, smoothed_record
from segcert.report.points_still import ABSTAIN, Viewpoint, draw_points
from segcert.report.points_view import Up, upright

SIDE, TITLE = 520, 24  # of a panel and of the line above it, pixels


@dataclass(frozen=True, eq=False)
class CloudAttack:
    """An attacked cloud.

    Args:
        cloud: Coordinates, and normals if the model takes them; of rotations and poses in float32.
        search: How it was found, for the record.
    """

    cloud: Float32[Tensor, " points columns"]
    search: dict[str, object]


def write_cloud_attack(
    folder: Path,
    certificate: Certificate,
    cloud: Float32[Tensor, " points columns"],
    attacked: CloudAttack,
    effect: PlainEffect,
    check: AttackCheck,
    *,
    up: Up = "y",
) -> None:
    """Write ``attacked.npz``, ``figure1.png`` and, last, ``attack.json``."""
    arrays = {"points": attacked.cloud[:, :AXES].numpy()}
    if attacked.cloud.shape[1] > AXES:
        arrays["normals"] = attacked.cloud[:, AXES:].numpy()
    with atomic_write(folder / "attacked.npz") as file:
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]  # names of arrays
    with atomic_write(folder / "figure1.png") as file:
        file.write(png_bytes(attack_panels(certificate, cloud, attacked, effect, up=up)))
    record = {
        "cloud_sha256": certificate.provenance.input_sha256,
        "certified_model": certificate.provenance.model,
        "certified_radius": certificate.radius,
        "unit": certificate.unit,
        "search": attacked.search,
        "norm": check.norm,
        "inside": check.inside,
        "plain": plain_record(effect),
        "smoothed": smoothed_record(check),
    }
    with atomic_write(folder / "attack.json") as file:
        file.write((json.dumps(record, indent=2) + "\n").encode())


def attack_panels(
    certificate: Certificate,
    cloud: Float32[Tensor, " points columns"],
    attacked: CloudAttack,
    effect: PlainEffect,
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
    places, moved = cloud[:, :AXES].numpy(), attacked.cloud[:, :AXES].numpy()
    panels = (
        ("plain model", places, palette[effect.before]),
        ("plain model, attacked", moved, palette[effect.after]),
        ("certified, or grey", places, sure),
    )
    figure = Image.new("RGB", (len(panels) * SIDE, SIDE + TITLE), "white")
    draw = ImageDraw.Draw(figure)
    for number, (title, points, chosen) in enumerate(panels):
        drawn = draw_points(upright(points, up), chosen, size=SIDE, camera=Viewpoint())
        figure.paste(Image.fromarray(drawn), (number * SIDE, TITLE))
        draw.text((number * SIDE + 8, 6), title, fill=(27, 32, 37))
    return figure
