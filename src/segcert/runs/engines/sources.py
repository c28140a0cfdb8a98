"""How workers open the model for themselves: descriptions that travel, in place of sessions."""

from collections.abc import Callable, Container
from dataclasses import dataclass
from pathlib import Path

from segcert.errors import InputError
from segcert.models.adapter import Segmenter
from segcert.models.backends.calibration import Calibration
from segcert.models.backends.choosing import SIZE, with_backend
from segcert.models.identity.runtime import Precision
from segcert.models.opening import is_path
from segcert.models.point_segmenter import PointSegmenter
from segcert.models.shipped import open_model, shipped
from segcert.models.shipped_points import open_network, shipped_points

ModelSource = Callable[[], Segmenter | PointSegmenter]


@dataclass(frozen=True)
class NamedModel:
    """A model of images, by name or path; see `open_model` and `with_backend`.

    Paths are made absolute: workers may run in other folders.

    Args:
        name: Of the model.
        denoiser: Name or file of the denoiser, or None.
        backend: What runs the network; None is as the model comes.
        precision: Arithmetic.
        size: Height and width of the images, pixels, on which the backend is checked.
        int8_file: Of "openvino-int8": the calibrated network. Workers only read it.
    """

    name: str
    denoiser: str | None = None
    backend: str | None = None
    precision: Precision = "fp32"
    size: tuple[int, int] = SIZE
    int8_file: Path | None = None

    def __post_init__(self) -> None:
        """Make paths absolute."""
        object.__setattr__(self, "name", anywhere(self.name, shipped()))
        if self.denoiser is not None:
            object.__setattr__(self, "denoiser", anywhere(self.denoiser, ()))
        if self.int8_file is not None:
            object.__setattr__(self, "int8_file", self.int8_file.absolute())

    def __call__(self) -> Segmenter:
        """Open it.

        Raises:
            InputError: If a file is not there, or as `open_model` and `with_backend`.
        """
        segmenter = open_model(self.name, denoiser=self.denoiser)
        if self.backend is None:
            return segmenter
        given = None
        if self.backend == "openvino-int8":
            given = Calibration(0.0, file=self._written())
        return with_backend(
            segmenter, self.backend, precision=self.precision, calibration=given, size=self.size
        )

    def _written(self) -> Path:
        """The file of the calibrated network.

        Raises:
            InputError: If it is not there: another calibration could be another network.
        """
        if self.int8_file is None or not self.int8_file.is_file():
            raise InputError(
                f"a worker finds no int8 network {self.int8_file or '(no file was named)'}: name "
                "one with --int8-file, and put it and its .bin at that path on each machine"
            )
        return self.int8_file


@dataclass(frozen=True)
class NamedNetwork:
    """A network of point clouds, by name or path; see `open_network`.

    Args:
        name: Of the network; a path is made absolute.
        votes: Runs that are averaged.
    """

    name: str
    votes: int = 1

    def __post_init__(self) -> None:
        """Make paths absolute."""
        object.__setattr__(self, "name", anywhere(self.name, shipped_points()))

    def __call__(self) -> PointSegmenter:
        """Open it."""
        return open_network(self.name, votes=self.votes)


def anywhere(name: str, known: Container[str]) -> str:
    """A name that means the same in any folder."""
    return str(Path(name).absolute()) if name not in known and is_path(name) else name
