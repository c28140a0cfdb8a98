"""What lies beside a certificate: pictures and tables, compared with what it says."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from segcert.arrays import Declared, read_arrays
from segcert.certificates.legend import palette_of
from segcert.certificates.pictures import ABSTAIN, labels_image
from segcert.certificates.radius_map import radius_map
from segcert.certificates.result import Certificate
from segcert.errors import InputError, VerificationError
from segcert.inputs.input import Input
from segcert.report.pictures import overlay, radius_image
from segcert.text import one_line

ROUNDING = 1e-9  # relative, of radii: they come from special functions of libraries
LARGEST = 1 << 30  # bytes of a file that is read
Check = Callable[[Path, Certificate], None]


def check_beside(folder: Path, certificate: Certificate, given: Input | None = None) -> list[str]:
    """Compare the files beside a certificate with what it says.

    Args:
        folder: Of the certificate.
        certificate: What was read from it, and holds.
        given: The input that was certified, to which ``overlay.png`` is compared.

    Returns:
        One line for each file: that it is as the certificate has it, or that it is not checked.

    Raises:
        VerificationError: If a file says something else.
    """
    checks: dict[str, Check | str] = {
        "labels.png": check_labels,
        "overlay.png": "give --image" if given is None else overlay_check(given),
        "labels.npz": check_label_arrays,
        "radius.npy": check_radii,
        "radius.png": check_radius_picture,
        "radius.txt": "it is text of the time",
        "labels.ply": "it shows the cloud with the labels",
        "cloud.png": "it is a view of the cloud",
        "report.html": "it is a page, which can show anything",
    }
    lines = []
    for name, check in checks.items():
        path = folder / name
        if not path.exists() and not path.is_symlink():
            continue
        if isinstance(check, str):
            lines.append(f"{name}: not checked ({check})")
            continue
        try:
            if not path.is_file() or path.stat().st_size > LARGEST:
                raise VerificationError("it is no file of a size that is read")
            check(path, certificate)
        except Exception as error:  # decoders raise anything on damaged bytes
            raise VerificationError(
                f"{path} is not what the certificate beside it says: {one_line(error)}"
            ) from error
        lines.append(f"{name}: as the certificate says")
    return lines


def same_picture(path: Path, expected: Image.Image) -> None:
    """Refuse a picture of another size, mode, palette or other pixels."""
    with Image.open(path, formats=("PNG",)) as found:
        if (found.size, found.mode) != (expected.size, expected.mode):
            raise VerificationError(
                f"it is {found.mode} of {found.size}, not {expected.mode} of {expected.size}"
            )
        if "transparency" in found.info:
            raise VerificationError("it is translucent")
        if found.mode == "P" and found.getpalette() != expected.getpalette():
            raise VerificationError("its palette is another one")
        different = np.asarray(found) != np.asarray(expected)
    if different.any():
        number = int(different.reshape(expected.height * expected.width, -1).any(1).sum())
        raise VerificationError(f"{number} pixels differ")


def check_labels(path: Path, certificate: Certificate) -> None:
    """Compare ``labels.png``."""
    palette = palette_of(certificate)
    same_picture(path, labels_image(certificate.labels, certificate.certified, palette))


def overlay_check(given: Input) -> Check:
    """Compare ``overlay.png``, with the image that was certified."""

    def check(path: Path, certificate: Certificate) -> None:
        pixels = given.tensor.movedim(0, 2).numpy()
        drawn = overlay(pixels, certificate.labels, certificate.certified, palette_of(certificate))
        same_picture(path, drawn)

    return check


def check_radii(path: Path, certificate: Certificate) -> None:
    """Compare ``radius.npy``."""
    radii = radius_map(certificate.counts, alpha=certificate.alpha).radius
    if path.stat().st_size > radii.nbytes + 4096:
        raise VerificationError("it is larger than the map")
    found = np.load(path, allow_pickle=False)
    if found.dtype != np.float64 or found.shape != radii.shape:
        raise VerificationError(f"it is {found.dtype} of shape {found.shape}")
    wrong = ~(np.abs(found - radii) <= ROUNDING * radii)
    if wrong.any():
        raise VerificationError(f"{int(wrong.sum())} radii differ")


def check_radius_picture(path: Path, certificate: Certificate) -> None:
    """Compare ``radius.png``."""
    radii = radius_map(certificate.counts, alpha=certificate.alpha).radius
    same_picture(path, radius_image(radii))


def check_label_arrays(path: Path, certificate: Certificate) -> None:
    """Compare the labels of ``labels.npz``; its points are those of the cloud's file."""
    labels = certificate.labels.astype(np.uint8)
    shown = np.where(certificate.certified, labels, ABSTAIN).astype(np.uint8)
    expected = {"labels": shown, "most_frequent": labels, "certified": certificate.certified}

    def check(declared: Mapping[str, Declared]) -> None:
        if set(declared) != {*expected, "points"}:
            raise InputError(f"it holds {sorted(declared)}")
        for name, array in expected.items():
            if (declared[name].shape, declared[name].dtype) != (array.shape, array.dtype):
                raise InputError(f"{name} is of another shape or type")

    found = read_arrays(path, most=LARGEST, check=check)
    for name, array in expected.items():
        if (found[name] != array).any():
            raise VerificationError(f"{name} differs at {int((found[name] != array).sum())} points")
