"""The options --backend, --precision, --calibration and --int8-file of several commands."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from segcert.models.adapter import Segmenter
    from segcert.models.identity.runtime import Precision
    from segcert.runs.config import EvaluationConfig
    from segcert.runs.engines.sources import NamedModel

CHOSEN = ".backend"  # what "auto" chose, in the folder of the results


@dataclass(frozen=True)
class Choice:
    """What is asked to run the network.

    Args:
        backend: Name; None is as the model comes.
        precision: Arithmetic.
        calibration: Folder of images, of "openvino-int8".
        int8_file: File of the calibrated network.

    Raises:
        InputError: If that cannot be combined.
    """

    backend: str | None
    precision: "Precision"
    calibration: Path | None
    int8_file: Path | None

    def __post_init__(self) -> None:
        """Check the combination."""
        from segcert.errors import InputError
        from segcert.models.backends.calibration import Calibration
        from segcert.models.backends.choosing import check_choice

        if not self.calibrates and (self.calibration or self.int8_file):
            raise InputError("--calibration and --int8-file are of --backend openvino-int8")
        any_noise = Calibration(0.0, self.calibration, file=self.int8_file)
        check_choice(
            self.backend or "torch", self.precision, any_noise if self.calibrates else None
        )

    @property
    def calibrates(self) -> bool:
        """Whether an int8 network is asked for."""
        return self.backend == "openvino-int8"

    def apply(
        self,
        segmenter: "Segmenter",
        *,
        sigma: float,
        size: Callable[[], Sequence[int]],
        out: Path | None = None,
    ) -> "Segmenter":
        """Replace what runs the network.

        Args:
            segmenter: As the model comes.
            sigma: Of the noise to calibrate with.
            size: Asked for height and width of the images, if that matters.
            out: Folder of results; work there goes on with what "auto" chose before.
        """
        from segcert.models.backends.calibration import Calibration
        from segcert.models.backends.choosing import with_backend

        backend = self.backend or segmenter.runtime.backend
        if backend == "auto" and out is not None:
            backend = chosen_before(out) or backend
        if (backend, self.precision) == (segmenter.runtime.backend, segmenter.runtime.precision):
            return segmenter
        given = Calibration(sigma, self.calibration, file=self.int8_file)
        height, width = size()
        return with_backend(
            segmenter, backend,
            precision=self.precision, calibration=given if self.calibrates else None,
            size=(height, width),
        )  # fmt: skip

    def source(
        self, model: str, denoiser: str | None, segmenter: "Segmenter", size: Sequence[int]
    ) -> "NamedModel":
        """How workers open what `apply` gave: by the same program, which "auto" chose already.

        Args:
            model: Name or path of the model.
            denoiser: Name or path of the denoiser, or None.
            segmenter: What `apply` gave.
            size: Height and width of the images.
        """
        from segcert.runs.engines.sources import NamedModel

        height, width = size
        return NamedModel(
            model, denoiser, segmenter.runtime.backend, self.precision, (height, width),
            self.int8_file,
        )  # fmt: skip

    def remember(self, segmenter: "Segmenter", out: Path) -> None:
        """Say what "auto" chose, and write it down, so that the same command can go on."""
        from segcert.cli.shell import messages, say
        from segcert.files import atomic_write

        if self.backend != "auto":
            return
        say(f"backend: {segmenter.runtime.backend}", to=messages)
        with atomic_write(out / CHOSEN) as file:
            file.write(f"{segmenter.runtime.backend}\n".encode())


def chosen_before(out: Path) -> str | None:
    """What "auto" chose for the results in a folder; None if nothing that it can choose."""
    from segcert.models.backends.choosing import EXACT

    path = out / CHOSEN
    text = path.read_text(errors="replace").strip() if path.is_file() else ""
    return text if text in EXACT else None


def runtime_settings(segmenter: "Segmenter") -> dict[str, str]:
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
