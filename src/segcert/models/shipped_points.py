"""Networks of clouds that come with segcert; and how one of all parts is told a category."""

from pathlib import Path

from segcert.models.files.checkpoints import is_of_points, read_header
from segcert.models.identity.names import shipped_files


def shipped_points() -> dict[str, Path]:
    """Names and files of the shipped networks of clouds."""
    known = shipped_files().items()
    return {name: path for name, path in known if is_of_points(read_header(path))}
