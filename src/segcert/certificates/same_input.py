"""Is what is read now what was certified?"""

from pathlib import Path

from jaxtyping import Shaped
from torch import Tensor

from segcert.certificates.result import Certificate
from segcert.data.images import hash_image
from segcert.errors import InputError


def check_certified(path: Path, x: Shaped[Tensor, " *shape"], certificate: Certificate) -> None:
    """Refuse to show an input that is not the certified one: its file was changed meanwhile.

    Args:
        path: The file.
        x: What was read of it now.
        certificate: Of what was read before.

    Raises:
        InputError: If type, shape or a value differs.
    """
    if hash_image(x) != certificate.provenance.input_sha256:
        raise InputError(
            f"{path} was changed while it was certified: the draws are of what it held before; "
            "they are kept, so put that back and repeat the command, or choose another --out"
        )
