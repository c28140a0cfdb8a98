"""The files of one input whose components were counted: no picture, as none of them is named."""

from pathlib import Path

from segcert.certificates.counted import CountCertificate
from segcert.certificates.same_input import check_certified
from segcert.files import atomic_write
from segcert.inputs.input import Source, read


def write_count(folder: Path, given: Source, certificate: CountCertificate) -> None:
    """Write a count into a folder.

    Args:
        folder: Gets ``certificate.json``, ``counts.npz`` and ``statement.txt``.
        given: The input that was certified, or its file.
        certificate: Its certificate.

    Raises:
        InputError: If it is another input.
    """
    check_certified(read(given), certificate.claim)
    certificate.save(folder)
    with atomic_write(folder / "statement.txt") as file:
        file.write(f"{certificate.statement}\n".encode())
