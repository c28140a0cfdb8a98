"""Arguments that several commands share, with their help."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter, Token

from segcert.noise.registry import CLOUD, IMAGE, names, what_they_certify
from segcert.stats.correction_names import what_they_do

if TYPE_CHECKING:
    ImageNoise = str
    AnyNoise = str
else:
    ImageNoise, AnyNoise = Literal[names(IMAGE)], Literal[names()]


def whole(_: type, tokens: Sequence[Token]) -> int:
    """Read an integer as it stands; cyclopts would round ``1.5``."""
    return int(tokens[0].value)


Sigma = Annotated[
    float,
    Parameter(
        help="Scale of the noise, in units of [0, 1] (of clouds: of the file, or radians): that of "
        "the model's training. Standard deviation; of uniform noise the half-width, of Laplace "
        "noise the mean size."
    ),
]
Tau = Annotated[
    float,
    Parameter(
        help="Certify classes of a probability above this; radius = sigma * Phi^-1(tau) for "
        "Gaussian noise."
    ),
]
Alpha = Annotated[
    float,
    Parameter(help="Allowed probability that the statement about one image is wrong."),
]
PilotDraws = Annotated[
    int,
    Parameter(converter=whole, help="Draws that choose the class; 0 for the test without pilot."),
]
Draws = Annotated[
    int, Parameter(converter=whole, help="Draws that are counted; more certify more.")
]
CorrectionName = Annotated[
    str | None,
    Parameter(
        help=f"Correction for many tests: {what_they_do()}. By default holm, or bonferroni with "
        "--tree."
    ),
]
OptionalPilotDraws = Annotated[
    int | None,
    Parameter(
        converter=whole,
        help="Draws that choose the class; 0 for the test without pilot. By default 10, or 0 "
        "with --tree.",
    ),
]
NoiseName = Annotated[
    ImageNoise,
    Parameter(help=f"What it certifies: {what_they_certify(IMAGE)}."),
]
AnyNoiseName = Annotated[
    AnyNoise,
    Parameter(
        help=f"What it certifies. Of images: {what_they_certify(IMAGE)}. Of clouds: "
        f"{what_they_certify(CLOUD)}."
    ),
]
ShiftSigma = Annotated[
    float | None,
    Parameter(help="Of --noise pose: scale of the shift, units of the file; --sigma is the yaw's."),
]
JitterSigma = Annotated[
    float | None,
    Parameter(help="Of --noise pose: scale of the displacement of each point, units of the file."),
]
AxisName = Annotated[
    Literal["x", "y", "z"] | None,
    Parameter(
        help="Of --noise yaw and pose: axis of the rotation, through the origin. By default that "
        "of --up: y for shapes, z without category (scans)."
    ),
]
CategoryName = Annotated[
    str | None,
    Parameter(help="Of clouds: name or number of the shapes' category, by default the file's."),
]
NormalsName = Annotated[
    Literal["trusted", "recomputed", "none"] | None,
    Parameter(
        help="Of clouds: trusted takes the normals of the file as they are, recomputed computes "
        "them from the noisy points, none is for models without. By default trusted or none, as "
        "the model needs."
    ),
]
Votes = Annotated[
    int,
    Parameter(converter=whole, help="Of clouds: runs of the network that are averaged in a draw."),
]
UpAxis = Annotated[
    Literal["y", "z"] | None,
    Parameter(help="Of clouds: axis that points up in pictures; y for shapes, z without category."),
]
BlockSide = Annotated[
    int | None,
    Parameter(
        converter=whole,
        help="Certify regions, not pixels: blocks of this side, cut by the pilot's class and "
        "confidence; useful with very few draws.",
    ),
]
DropBelow = Annotated[
    float | None,
    Parameter(
        help="Do not test pixels whose pilot promises less: mean softmax margin over its spread, "
        "from -16 to 16; 2 drops the doubtful ones."
    ),
]
TreeName = Annotated[
    str | None,
    Parameter(
        help="Certify groups of classes where no class can be: camvid, cityscapes, "
        "pascal_context or a .toml file; without pilot."
    ),
]
StopRuleName = Annotated[
    str | None,
    Parameter(
        help="Stop before n draws: certified-share-stalls (or =0.01), target=0.9, open=0.01 (no "
        "more could still be gained), time=60s."
    ),
]
NumberOfLooks = Annotated[
    int,
    Parameter(
        converter=whole,
        help="Planned looks at which --stop-when may stop, each at its share of alpha; 0 for an "
        "e-process, which may stop after every 10 draws.",
    ),
]
Seed = Annotated[
    int | None,
    Parameter(
        converter=whole,
        help="Seed of all noise; by default from the operating system, and recorded.",
    ),
]
Device = Annotated[str, Parameter(help="auto, cpu, cuda, cuda:1, ...")]
BatchSize = Annotated[
    int | None,
    Parameter(
        converter=whole,
        help="Draws that go through the model together; by default by the image's size.",
    ),
]
Scale = Annotated[
    str,
    Parameter(
        help="Resize noisy images before the network: a factor (0.5), a size (480x480), or "
        "factors whose probabilities are averaged (0.5,1+flip; multi = 0.5 to 1.75 with flips; "
        "multi-pascal = to 2)."
    ),
]
BackendName = Annotated[
    Literal["torch", "compile", "onnx", "openvino", "openvino-int8", "auto"] | None,
    Parameter(
        name="--backend",
        help="What runs the network: torch, compile (torch.compile), onnx (ONNX Runtime), openvino "
        "and openvino-int8 (another network, in 8-bit integers), or auto, the fastest here that "
        "computes the same network. By default as the model comes.",
    ),
]
PrecisionName = Annotated[
    Literal["fp32", "bf16", "fp16"],
    Parameter(
        name="--precision",
        help="Arithmetic of torch and compile; bf16 and fp16 (autocast) are other networks.",
    ),
]
CalibrationFolder = Annotated[
    Path | None,
    Parameter(
        name="--calibration",
        help="Of openvino-int8: folder of images to calibrate on, with noise; by default synthetic "
        "streets.",
    ),
]
Int8File = Annotated[
    Path | None,
    Parameter(
        name="--int8-file",
        help="Of openvino-int8: .xml file of the calibrated network, read if there, else written.",
    ),
]
DenoiserName = Annotated[
    str | None,
    Parameter(
        name="--denoiser",
        help="A denoiser between noise and network: a name, or a file with an image-to-image "
        "program (.pt2).",
    ),
]
Statement = Annotated[
    str,
    Parameter(
        name="--statement",
        help="labels: which components are certified, each by its class. count: at least how many "
        "are, without saying which, from 25 draws on whatever the size (at tau 0.75); "
        "count:parts=classes: at least how many of each class. A count has no pictures.",
    ),
]
SmoothScores = Annotated[
    float,
    Parameter(
        name="--smooth-scores",
        help="Blur the probabilities of the classes before the largest wins: standard deviation "
        "of a Gaussian, pixels of the image. 0 for none.",
    ),
]
SmoothNeighbours = Annotated[
    int,
    Parameter(
        name="--smooth-neighbours",
        converter=whole,
        help="Average the probabilities of the classes over so many closest points, each point "
        "itself among them. 1 for none.",
    ),
]
CloudColumns = Annotated[
    str | None,
    Parameter(
        name="--columns",
        help="Of clouds whose file does not say what its columns are: x,y,z,intensity, with nx, "
        "ny, nz, label, or _ for any other; float64:x,y,z of binary doubles.",
    ),
]
MODELS_THERE_ARE = (
    "A name from `segcert models`, a .safetensors file of `segcert train`, an HRNetV2 checkpoint "
    "(.pth, .pt), an exported program (.pt2), an .onnx file, a Hugging Face folder, or code of "
    "yours, which is executed (net.py:make)."
)
ModelName = Annotated[str, Parameter(help=MODELS_THERE_ARE)]
OptionalModelName = Annotated[
    str | None,
    Parameter(help=f"{MODELS_THERE_ARE} By default camvid, or ground for point clouds."),
]
