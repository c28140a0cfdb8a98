"""The files of one certified point cloud: certificate, labels, picture, page."""

from pathlib import Path

import numpy as np

from segcert.certificates.result import Certificate
from segcert.certificates.same_input import check_certified
from segcert.files import atomic_write
from segcert.inputs.cloud_files import write_cloud
from segcert.inputs.input import Source, as_cloud, read
from segcert.report.points_page import render_points_page
from segcert.report.points_still import still_png
from segcert.report.points_view import Up, make_points_view
from segcert.runs.base_prediction import BasePrediction

ABSTAINED = 255


def write_cloud_files(
    folder: Path,
    given: Source,
    certificate: Certificate,
    *,
    with_truth: bool = False,
    up: Up = "y",
    base: BasePrediction | None = None,
) -> None:
    """Write everything about one certified cloud into a folder.

    Args:
        folder: Where to: gets ``certificate.json``, ``counts.npz``, ``labels.npz``,
            ``labels.ply``, ``cloud.png`` and ``report.html``.
        given: The cloud that was certified, or its file, with all that it holds.
        certificate: Its certificate.
        with_truth: Whether the labels of the file are true parts in the numbers of the model.
        up: Axis that points up in the pictures.
        base: Labels the input without noise, for the page.

    Raises:
        InputError: If it is another cloud, as of a file that was changed.
    """
    whole = read(given)
    certified = whole.cut(certificate.provenance.input_shape)
    check_certified(certified, certificate)
    cloud = as_cloud(whole)
    truth = None if cloud.labels is None or not with_truth else cloud.labels.astype(np.uint8)
    certificate.save(folder)
    labels = certificate.labels.astype(np.uint8)
    shown = np.where(certificate.certified, labels, ABSTAINED).astype(np.uint8)
    with atomic_write(folder / "labels.npz") as file:
        np.savez_compressed(
            file, points=cloud.points, labels=shown, most_frequent=labels,
            certified=certificate.certified,
        )  # fmt: skip
    write_cloud(folder / "labels.ply", cloud, shown)
    view = make_points_view(
        certificate, cloud.points,
        title=whole.name, truth=truth, base=None if base is None else base(certified.tensor), up=up,
    )  # fmt: skip
    with atomic_write(folder / "cloud.png") as file:
        file.write(still_png(view))
    (folder / "report.html").write_text(render_points_page(view), encoding="utf-8")
