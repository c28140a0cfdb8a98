"""Options of several commands besides the plan: what the model is told, how draws are made."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from cyclopts import Group, Parameter

from segcert.cli.arguments import (
    BackendName,
    BatchSize,
    CalibrationFolder,
    CategoryName,
    CloudColumns,
    DenoiserName,
    Device,
    Int8File,
    NormalsName,
    PrecisionName,
    Scale,
    Seed,
    SmoothNeighbours,
    SmoothScores,
    Votes,
)
from segcert.cli.flat import Flat

if TYPE_CHECKING:
    from segcert.cli.network_options import NetworkOptions
    from segcert.inputs.kind import InputKind
    from segcert.models.reference import ModelReference

MODEL = Group("Model", sort_key=1)
MODEL_OF_CLOUDS = Group("Model, of point clouds", sort_key=2)
INPUT_OF_CLOUDS = Group("Input, of point clouds", sort_key=0)
OUTPUT = Group("Output", sort_key=9)
RUN = Group("Run", sort_key=8, help="Nothing that the guarantee depends on.")


@dataclass(frozen=True)
class ModelOptions(Flat):
    """What a model is told before it sees an input."""

    scale: Annotated[Scale, Parameter(group=MODEL)] = "1"
    denoiser: Annotated[DenoiserName, Parameter(group=MODEL)] = None
    backend: Annotated[BackendName, Parameter(group=MODEL)] = None
    precision: Annotated[PrecisionName, Parameter(group=MODEL)] = "fp32"
    calibration: Annotated[CalibrationFolder, Parameter(group=MODEL)] = None
    int8_file: Annotated[Int8File, Parameter(group=MODEL)] = None
    category: Annotated[CategoryName, Parameter(group=MODEL_OF_CLOUDS)] = None
    normals: Annotated[NormalsName, Parameter(group=MODEL_OF_CLOUDS)] = None
    votes: Annotated[Votes, Parameter(group=MODEL_OF_CLOUDS)] = 1
    smooth_scores: Annotated[SmoothScores, Parameter(group=MODEL)] = 0.0
    smooth_neighbours: Annotated[SmoothNeighbours, Parameter(group=MODEL_OF_CLOUDS)] = 1

    def reference(
        self, name: str, kind: "InputKind", category: str | None, network: "NetworkOptions"
    ) -> "ModelReference":
        """The model that is told so.

        Args:
            name: Its name or path.
            kind: Of its inputs.
            category: Of clouds.
            network: What it takes and returns.
        """
        from segcert.models.reference import ModelReference

        return ModelReference(
            name, kind,
            scale=network.padded(self.scale) if kind.resizable else 1.0, denoiser=self.denoiser,
            told=network.told,
            category=category, normals=self.normals, votes=self.votes, backend=self.backend,
            precision=self.precision, calibration=self.calibration, int8_file=self.int8_file,
            smooth_scores=self.smooth_scores, smooth_neighbours=self.smooth_neighbours,
        )  # fmt: skip


@dataclass(frozen=True)
class InputOptions(Flat):
    """How files are read."""

    columns: Annotated[CloudColumns, Parameter(group=INPUT_OF_CLOUDS)] = None


@dataclass(frozen=True)
class SamplingOptions(Flat):
    """How draws are made."""

    seed: Annotated[Seed, Parameter(group=RUN)] = None
    device: Annotated[Device, Parameter(group=RUN)] = "auto"
    batch_size: Annotated[BatchSize, Parameter(group=RUN)] = None

    @property
    def batch(self) -> int | str:
        """Draws that go through the model together, or "auto"."""
        return "auto" if self.batch_size is None else self.batch_size


INPUT_AS_USUAL = InputOptions()
MODEL_AS_USUAL, SAMPLING_AS_USUAL = ModelOptions(), SamplingOptions()
