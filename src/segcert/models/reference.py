"""Which model: a description that travels, and is opened in the same way wherever it arrives."""

from dataclasses import dataclass, fields, replace
from pathlib import Path

from segcert.errors import InputError
from segcert.inputs.kind import CLOUD, IMAGE, InputKind
from segcert.models.adapter import Segmenter
from segcert.models.backends.calibration import Calibration
from segcert.models.backends.choosing import SIZE, check_choice, with_backend
from segcert.models.files.sidecar import Told
from segcert.models.identity.names import shipped_files
from segcert.models.identity.runtime import Precision
from segcert.models.opening import is_path
from segcert.models.opening_points import (
    BUILT_IN,
    Normals,
    PointOptions,
    open_point_model,
    recorded_point_model,
)
from segcert.models.protocol import WrappedModel
from segcert.models.resizing.conventions import split_words
from segcert.models.resizing.scale import Resizing
from segcert.models.shipped import not_shipped, open_model, recorded_model

INT8 = "openvino-int8"
OF_IMAGES = (
    "scale",
    "denoiser",
    "told",
    "backend",
    "precision",
    "calibration",
    "int8_file",
    "size",
    "smooth_scores",
)
OF_CLOUDS = ("category", "normals", "votes", "each_category", "smooth_neighbours")
NOT_OF = {IMAGE: OF_CLOUDS, CLOUD: OF_IMAGES}


@dataclass(frozen=True)
class ModelReference:
    """A model by its name or path, and all that it is told before it sees an input.

    Args:
        name: Name of a model that comes with segcert, or path.
        kind: Of the inputs that it shall label; a path does not say it.
        scale: Of images: how noisy images are resized before the network; see `parse_resizing`.
        denoiser: Of images: name or file of a denoiser that comes before all else.
        told: Of files of other programs: settings by name, as a sidecar has them, which come
            before those of the sidecar.
        category: Of clouds; see `PointOptions`, as of the next two.
        normals: Of clouds: where their normals come from.
        votes: Of clouds: runs that are averaged.
        each_category: Of clouds: whether each one brings its category, which the model is told
            with it; see `of_category`.
        backend: What runs the network; None is as the model comes. See `with_backend`.
        precision: Its arithmetic.
        calibration: Of "openvino-int8": folder of images.
        int8_file: Of "openvino-int8": the calibrated network, read if there, else written.
        size: Height and width, pixels, of images on which the backend is checked.
        digest: The `identity_sha256` that the open model must have; empty for any.
        smooth_scores: Of images: width of the blur of its probabilities, pixels; 0 for none.
        smooth_neighbours: Of clouds: closest points whose probabilities are averaged; 1 for none.

    Raises:
        InputError: If these do not go together.
    """

    name: str
    kind: InputKind = IMAGE
    scale: float | str | Resizing = 1.0
    denoiser: str | None = None
    told: Told = ()
    category: str | None = None
    normals: Normals | None = None
    votes: int = 1
    each_category: bool = False
    backend: str | None = None
    precision: Precision = "fp32"
    calibration: Path | None = None
    int8_file: Path | None = None
    size: tuple[int, int] = SIZE
    digest: str = ""
    smooth_scores: float = 0.0
    smooth_neighbours: int = 1

    def __post_init__(self) -> None:
        """Check what goes together."""
        others = NOT_OF[self.kind]
        for field in fields(self):
            if field.name in others and getattr(self, field.name) != field.default:
                raise InputError(
                    f"{field.name} is not for models of {self.kind.words}, got "
                    f"{getattr(self, field.name)!r}: leave it out"
                )
        if not self.calibrates and (self.calibration or self.int8_file):
            raise InputError(f"--calibration and --int8-file are of --backend {INT8}")
        calibration = Calibration(0.0, self.calibration, file=self.int8_file)
        check_choice(
            self.backend or "torch", self.precision, calibration if self.calibrates else None
        )

    @property
    def calibrates(self) -> bool:
        """Whether an int8 network is asked for."""
        return self.backend == INT8

    def absolute(self) -> "ModelReference":
        """The same with paths that mean the same in any folder."""
        return replace(
            self,
            name=anywhere(self.name),
            denoiser=None if self.denoiser is None else anywhere(self.denoiser),
            calibration=None if self.calibration is None else self.calibration.absolute(),
            int8_file=None if self.int8_file is None else self.int8_file.absolute(),
        )

    def of(self, model: WrappedModel) -> "ModelReference":
        """How workers open the same model, by the same program: "auto" chose it already."""
        backend = None if self.kind == CLOUD else model.runtime.backend
        return replace(self.absolute(), backend=backend, digest=model.identity_sha256)

    def open(self, *, sigma: float | None = None) -> WrappedModel:
        """Open the model, run as it is asked to be.

        It is put onto the CUDA device, if there is one.

        Args:
            sigma: As of `run`.

        Raises:
            InputError: If there is no such model or denoiser, its file is unusable, an option does
                not fit, or it is another model than ``digest`` says.
            ModelError: As of `with_backend`.
        """
        model = self.run(self.open_alone(), sigma=sigma)
        if self.digest and model.identity_sha256 != self.digest:
            raise InputError(
                f"a worker opens model {model.name} as another one ({model.identity_sha256[:12]}) "
                f"than the run ({self.digest[:12]}): give all machines the same model file"
            )
        return model

    def open_alone(self) -> WrappedModel:
        """Open the model as it comes, whatever is to run it."""
        if self.kind == IMAGE:
            return open_model(
                self.name, scale=self.scale, denoiser=self.denoiser, told=self.told,
                smooth_scores=self.smooth_scores,
            )  # fmt: skip
        options = PointOptions(self.category, self.normals, self.votes, self.smooth_neighbours)
        return open_point_model(self.name, options, each_category=self.each_category)

    def runs(self, model: WrappedModel) -> bool:
        """Tell whether a model is run as it is asked to be."""
        now = model.runtime
        return (self.backend or now.backend, self.precision) == (now.backend, now.precision)

    def run(self, model: WrappedModel, *, sigma: float | None = None) -> WrappedModel:
        """Replace what runs a model, if another program or arithmetic is asked for.

        Args:
            model: What `open_alone` opened.
            sigma: Of the noise to calibrate an int8 network with; None only reads it from its file.

        Raises:
            InputError: As of `with_backend`, or if there is no file to read.
            ModelError: As of `with_backend`.
        """
        if not isinstance(model, Segmenter):
            return model
        model = replace(model, scale=self.scale)
        if self.runs(model):
            return model
        return with_backend(
            model, self.backend or model.runtime.backend,
            precision=self.precision, calibration=self._calibration(sigma), size=self.size,
        )  # fmt: skip

    def _calibration(self, sigma: float | None) -> Calibration | None:
        """What an int8 network is calibrated on.

        Raises:
            InputError: If it must not be calibrated, and its file is not there.
        """
        if not self.calibrates:
            return None
        if sigma is None and (self.int8_file is None or not self.int8_file.is_file()):
            raise InputError(  # another calibration could be another network
                f"a worker finds no int8 network {self.int8_file or '(no file was named)'}: name "
                "one with --int8-file, and put it and its .bin at that path on each machine"
            )
        folder = None if sigma is None else self.calibration
        return Calibration(sigma or 0.0, folder, file=self.int8_file)


def recorded(
    called: str,
    kind: InputKind = IMAGE,
    *,
    scale: str = "1",
    given: str | None = None,
    denoiser: str | None = None,
) -> ModelReference:
    """Which model a certificate is about, told what it was told then.

    Args:
        called: As the certificate calls it.
        kind: Of its input.
        scale: At which it was made; "1" for clouds.
        given: Name or path that the user gave; None takes the recorded name, never a path.
        denoiser: That the user gave.

    Raises:
        InputError: If the model does not come with segcert and none is given, as a file that a
            certificate names is not opened; or if a denoiser is missing, or one too many.
    """
    if kind == IMAGE:
        name = given or recorded_model(called, denoiser)
        settings = recorded_settings(called)
        return ModelReference(
            name, scale=scale, denoiser=denoiser,
            told=tuple(one for one in settings if one[0] != "smooth_scores"),
            smooth_scores=dict(settings).get("smooth_scores", 0.0),
        )  # fmt: skip
    alone, options = recorded_point_model(called)
    if given is None and alone not in {*BUILT_IN, *shipped_files()}:
        raise InputError(not_shipped(alone))
    return ModelReference(
        given or alone, kind,
        category=options.category, normals=options.normals, votes=options.votes,
        smooth_neighbours=options.smooth_neighbours,
    )  # fmt: skip


def recorded_settings(called: str) -> Told:
    """What was said of the network of images that a certificate names."""
    alone = called if called.endswith("]") else called.rpartition("+")[0]
    return tuple(split_words(alone)[1].items())


def anywhere(name: str) -> str:
    """A name that means the same in any folder."""
    known = {*BUILT_IN, *shipped_files()}
    return str(Path(name).absolute()) if name not in known and is_path(name) else name
