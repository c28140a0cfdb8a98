"""The files of one certified point cloud: certificate, labels, picture, page."""

from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import Float32, UInt8

from segcert.certificates.result import Certificate
from segcert.data.point_files import read_cloud
from segcert.files import atomic_write
from segcert.report.pictures import Colour
from segcert.report.points_page import render_points_page
from segcert.report.points_still import ABSTAIN, still_png
from segcert.report.points_view import Up, make_points_view
from segcert.report.view import palette_of

ABSTAINED = 255


def write_cloud_files(
    folder: Path,
    image: Path,
    certificate: Certificate,
    *,
    with_truth: bool = False,
    up: Up = "y",
) -> None:
    """Write everything about one certified cloud into a folder.

    Args:
        folder: Where to: gets ``certificate.json``, ``counts.npz``, ``labels.npz``,
            ``labels.ply``, ``cloud.png`` and ``report.html``.
        image: The file of the cloud that was certified.
        certificate: Its certificate.
        with_truth: Whether the labels of the file are true parts in the numbers of the model.
        up: Axis that points up in the pictures.
    """
    cloud = read_cloud(image)
    truth = None if cloud.labels is None or not with_truth else cloud.labels.astype(np.uint8)
    certificate.save(folder)
    labels = certificate.labels.astype(np.uint8)
    shown = np.where(certificate.certified, labels, ABSTAINED).astype(np.uint8)
    with atomic_write(folder / "labels.npz") as file:
        np.savez_compressed(
            file, points=cloud.points, labels=shown, most_frequent=labels,
            certified=certificate.certified,
        )  # fmt: skip
    with atomic_write(folder / "labels.ply") as file:
        file.write(labels_ply(cloud.points, shown, palette_of(certificate)))
    view = make_points_view(certificate, cloud.points, title=image.stem, truth=truth, up=up)
    with atomic_write(folder / "cloud.png") as file:
        file.write(still_png(view))
    (folder / "report.html").write_text(render_points_page(view), encoding="utf-8")


def labels_ply(
    points: Float32[np.ndarray, " p 3"],
    labels: UInt8[np.ndarray, " p"],
    palette: tuple[Colour, ...],
) -> bytes:
    """Make a binary PLY file of points with labels and their colours; 255 and grey abstain.

    Source:
        Turk (1994), "The PLY polygon file format".
    """
    table = np.full((256, 3), ABSTAIN, np.uint8)
    table[: len(palette)] = palette
    kinds = [(axis, "<f4") for axis in "xyz"]
    kinds += [(name, "u1") for name in ("red", "green", "blue", "label")]
    rows = np.empty(len(points), kinds)
    for column, axis in enumerate("xyz"):
        rows[axis] = points[:, column]
        rows[("red", "green", "blue")[column]] = table[labels, column]
    rows["label"] = labels
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(points)}"]
    header += [f"property {'float' if kind == '<f4' else 'uchar'} {name}" for name, kind in kinds]
    file = BytesIO()
    file.write(("\n".join([*header, "end_header"]) + "\n").encode())
    file.write(rows.tobytes())
    return file.getvalue()
