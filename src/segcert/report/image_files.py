"""The files of one certified image: certificate, pictures, page."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from jaxtyping import UInt8

from segcert.certificates.legend import palette_of
from segcert.certificates.pictures import labels_image, png_bytes
from segcert.certificates.radius_map import radius_map as map_radii
from segcert.certificates.result import Certificate
from segcert.certificates.same_input import check_certified
from segcert.files import atomic_write
from segcert.inputs.input import Input, Source, read
from segcert.report.page import render_page
from segcert.report.pictures import overlay, radius_image, stretch
from segcert.report.view import make_view
from segcert.runs.base_prediction import BasePrediction
from segcert.text import floor_text

NO_TRUTHS: Mapping[str, np.ndarray] = MappingProxyType({})


def write_files(
    folder: Path,
    given: Source,
    certificate: Certificate,
    *,
    truth: UInt8[np.ndarray, " h w"] | None = None,
    truths: Mapping[str, UInt8[np.ndarray, " h w"]] = NO_TRUTHS,
    radius_map: bool = False,
    base: BasePrediction | None = None,
) -> None:
    """Write everything about one certified image into a folder.

    Args:
        folder: Where to: gets ``certificate.json``, ``counts.npz``, ``labels.png``,
            ``overlay.png`` and ``report.html``.
        given: The image that was certified, or its file.
        certificate: Its certificate.
        truth: True classes, 255 = ignored, for the page.
        truths: The same by the names of images, for those that have any.
        radius_map: Also write ``radius.npy`` (float64, in input units), ``radius.png`` and
            ``radius.txt`` with what the map states; its alpha comes on top of the certificate's.
        base: Labels the input without noise, for the page.

    Raises:
        InputError: If it is another image, as of a file that was changed.
    """
    shown = read(given)
    check_certified(shown, certificate)
    pixels = shown.tensor.movedim(0, 2).numpy()
    labels, certified = certificate.labels, certificate.certified
    palette = palette_of(certificate)
    certificate.save(folder)
    labels_image(labels, certified, palette).save(folder / "labels.png", optimize=False)
    overlay(pixels, labels, certified, palette).save(folder / "overlay.png")
    known = truths.get(shown.name) if truth is None else truth
    write_page(folder, shown, certificate, truth=known, base=base)
    if radius_map:
        write_radius_map(folder, certificate)


def write_page(
    folder: Path,
    shown: Input,
    certificate: Certificate,
    *,
    truth: UInt8[np.ndarray, " h w"] | None = None,
    base: BasePrediction | None = None,
) -> None:
    """Write the page of one certified image.

    Args:
        folder: Gets ``report.html``; one that is there is kept until its successor is complete.
        shown: The image.
        certificate: Its certificate.
        truth: True classes, 255 = ignored.
        base: Labels the input without noise.
    """
    view = make_view(
        certificate, shown.tensor.movedim(0, 2).numpy(),
        title=shown.name, truth=truth, base=None if base is None else base(shown.tensor),
    )  # fmt: skip
    with atomic_write(folder / "report.html") as file:
        file.write(render_page(view).encode())


def write_radius_map(folder: Path, certificate: Certificate) -> None:
    """Write the radius map of a certificate's counts, at the same alpha, spent once more.

    Args:
        folder: Gets ``radius.npy``, ``radius.png`` and ``radius.txt``; a file that is there is
            kept until its successor is complete.
        certificate: Its counts and its alpha are used; every component is tested.

    Raises:
        InputError: If the counts stopped at any time.
    """
    radii = map_radii(certificate.counts, alpha=certificate.alpha)
    smallest, largest = stretch(radii.radius)
    with atomic_write(folder / "radius.npy") as file:
        np.save(file, radii.radius, allow_pickle=False)
    with atomic_write(folder / "radius.png") as file:
        file.write(png_bytes(radius_image(radii.radius)))
    legend = (
        f"radius.png: white is no radius; from yellow to violet {floor_text(smallest)} to "
        f"{floor_text(largest)} ({certificate.norm}, {certificate.unit}). radius.npy holds the "
        "numbers, radius by row and column."
    )
    with atomic_write(folder / "radius.txt") as file:
        file.write(f"{radii.statement}\n\n{legend}\n".encode())
