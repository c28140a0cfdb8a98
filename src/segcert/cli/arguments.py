"""Arguments that several commands share, with their help."""

from collections.abc import Sequence
from typing import Annotated, Literal

from cyclopts import Parameter, Token


def whole(_: type, tokens: Sequence[Token]) -> int:
    """Read an integer as it stands; cyclopts would round ``1.5``."""
    return int(tokens[0].value)


Sigma = Annotated[
    float,
    Parameter(help="Noise per value, in units of [0, 1]: that of the model's training."),
]
Tau = Annotated[
    float,
    Parameter(help="Certify classes of a probability above this; radius = sigma * Phi^-1(tau)."),
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
    Literal["holm", "bonferroni"],
    Parameter(help="Correction for many tests; holm certifies at least what bonferroni does."),
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
    float,
    Parameter(help="Resize noisy images by this factor before the network."),
]
ModelName = Annotated[
    str,
    Parameter(help="A name from `segcert models`, or a .safetensors file of `segcert train`."),
]
