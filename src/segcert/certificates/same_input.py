"""Is what is read now what was certified?"""

from pathlib import Path

from jaxtyping import Shaped
from torch import Tensor

from segcert.certificates.result import Certificate
from segcert.data.images import hash_image
from segcert.errors import InputError
from segcert.sampling.inputs import is_cloud


def of_another_input(certificate: Certificate, x: Shaped[Tensor, " *shape"]) -> str:
    """Say that an input is not the certified one, by its hash; empty if it is."""
    if hash_image(x) == certificate.provenance.input_sha256:
        return ""
    kind, parts = ("cloud", "points") if is_cloud(x) else ("image", "pixels")
    return f"the {kind} is not the one that was certified: its {parts} hash differently"


def check_certified(path: Path, x: Shaped[Tensor, " *shape"], certificate: Certificate) -> None:
    """Refuse to show an input that is not the certified one: its file was changed meanwhile.

    Args:
        path: The file.
        x: What was read of it now.
        certificate: Of what was read before.

    Raises:
        InputError: If type, shape or a value differs.
    """
    if of_another_input(certificate, x):
        raise InputError(
            f"{path} was changed while it was certified: the draws are of what it held before; "
            "they are kept, so put that back and repeat the command, or choose another --out"
        )
