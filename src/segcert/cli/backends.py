"""What "auto" chose to run a network, in the folder of the results, so that work there goes on."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segcert.models.protocol import WrappedModel
    from segcert.models.reference import ModelReference
    from segcert.runs.config import EvaluationConfig

CHOSEN = ".backend"


def as_before(reference: "ModelReference", out: Path) -> "ModelReference":
    """Take what "auto" chose for the results in a folder, if it is asked to choose."""
    from segcert.models.backends.choosing import AUTO, EXACT

    path = out / CHOSEN
    if reference.backend != AUTO or not path.is_file():
        return reference
    text = path.read_text("utf-8", errors="replace").strip()
    return replace(reference, backend=text) if text in EXACT else reference


def remember(asked: str | None, segmenter: "WrappedModel", out: Path) -> None:
    """Say what "auto" chose, and write it down, so that the same command can go on."""
    from segcert.cli.shell import messages, say
    from segcert.files import atomic_write
    from segcert.models.backends.choosing import AUTO

    if asked != AUTO:
        return
    say(f"backend: {segmenter.runtime.backend}", to=messages)
    with atomic_write(out / CHOSEN) as file:
        file.write(f"{segmenter.runtime.backend}\n".encode())


def runtime_settings(segmenter: "WrappedModel") -> dict[str, str]:
    """What requests and configurations say about what runs the model."""
    return {
        "weights_sha256": segmenter.weights_sha256,
        "backend": segmenter.runtime.backend,
        "precision": segmenter.runtime.precision,
    }


def one_calibration(config: "EvaluationConfig") -> None:
    """Refuse several noises or scales for one int8 network.

    Raises:
        InputError: If there are several.
    """
    from segcert.errors import InputError

    if len({setting.draws for setting in config.settings}) > 1:
        raise InputError(
            "--backend openvino-int8 calibrates for one noise and one scale: name one --sigma and "
            "one --scale, and make several runs"
        )
