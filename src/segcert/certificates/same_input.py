"""Is what is read now what was certified?"""

from segcert.certificates.claim import Claim
from segcert.errors import InputError
from segcert.inputs.input import Input


def of_another_input(certificate: Claim, given: Input) -> str:
    """Say that an input is not the certified one, by its hash; empty if it is."""
    if given.sha256 == certificate.provenance.input_sha256:
        return ""
    kind = given.kind
    return f"the {kind.word} is not the one that was certified: its {kind.parts} hash differently"


def check_certified(given: Input, certificate: Claim) -> None:
    """Refuse to show an input that is not the certified one: its file was changed meanwhile.

    Args:
        given: What was read.
        certificate: Of what was read before.

    Raises:
        InputError: If type, shape or a value differs.
    """
    if of_another_input(certificate, given):
        raise InputError(
            f"{given.path} was changed while it was certified: the draws are of what it held "
            "before; they are kept, so put that back and repeat the command, or choose another "
            "--out"
        )
