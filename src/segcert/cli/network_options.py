"""What the network of a model file takes and returns, where neither it nor its sidecar says so."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import Group, Parameter

from segcert.cli.arguments import whole
from segcert.cli.flat import Flat
from segcert.errors import InputError

NETWORK = Group(
    "Model, from elsewhere",
    sort_key=3,
    help="What its network takes and returns, where neither the file nor its sidecar says so. "
    "Certificates name and hash it.",
)
Order = Literal["nchw", "nhwc"]


@dataclass(frozen=True)
class NetworkOptions(Flat):
    """What a network takes and returns; named as in a sidecar."""

    pad: Annotated[
        int,
        Parameter(
            group=NETWORK,
            converter=whole,
            help="Pad noisy images to multiples of this many pixels after --scale, at the right "
            "and at the bottom; labels are cropped back.",
        ),
    ] = 1
    channels: Annotated[
        Literal["rgb", "bgr", "grey", "rgba", "bgra"] | None,
        Parameter(
            group=NETWORK,
            help="What it takes, in this order: bgr as of OpenCV and Caffe, grey is one channel.",
        ),
    ] = None
    layout: Annotated[
        Order | None,
        Parameter(group=NETWORK, help="nhwc: it takes channels last, as those of TensorFlow."),
    ] = None
    output_layout: Annotated[
        Order | None, Parameter(group=NETWORK, help="The same of its scores.")
    ] = None
    input_range: Annotated[
        str | None,
        Parameter(
            group=NETWORK,
            help="What black and white are for it: 0..255, -1..1; by default 0..1. --mean and "
            "--std are in these units.",
        ),
    ] = None
    mean: Annotated[
        str | None,
        Parameter(group=NETWORK, help="Subtracted, one for each channel: 0.485,0.456,0.406."),
    ] = None
    std: Annotated[
        str | None, Parameter(group=NETWORK, help="Divided by, likewise; both or none.")
    ] = None
    output_name: Annotated[
        str | None,
        Parameter(group=NETWORK, help="Which of several outputs counts: its name or number."),
    ] = None
    returns: Annotated[
        Literal["scores", "labels"] | None,
        Parameter(group=NETWORK, help="labels: class numbers that come as floating-point numbers."),
    ] = None
    binary: Annotated[
        bool,
        Parameter(
            group=NETWORK,
            negative=(),
            help="It has one channel: class 1 where that is above --threshold.",
        ),
    ] = False
    threshold: Annotated[
        float | None,
        Parameter(
            group=NETWORK,
            help="Of --binary: 0 of logits, which is the default, 0.5 after a sigmoid.",
        ),
    ] = None
    regions: Annotated[
        str | None,
        Parameter(
            group=NETWORK,
            help="Its channels overlap (multi-label): the threshold of each, as 0.5,0.5,0.5. They "
            "are painted in this order over a background, class 0; the last one wins.",
        ),
    ] = None
    class_count: Annotated[
        int | None,
        Parameter(
            group=NETWORK, converter=whole, help="Number of classes, where it returns labels."
        ),
    ] = None

    @property
    def told(self) -> tuple[tuple[str, Any], ...]:
        """The settings that were given, as a sidecar has them.

        Raises:
            InputError: If a list of numbers is none.
        """
        read = {"input_range": self.range_text, "mean": self.mean, "std": self.std,
                "regions": self.regions}  # fmt: skip
        found = self.values | {
            name: None if text is None else numbers("--" + name.replace("_", "-"), text)
            for name, text in read.items()
        }
        del found["pad"]
        if found["binary"] is False:
            del found["binary"]
        return tuple((name, value) for name, value in found.items() if value is not None)

    @property
    def range_text(self) -> str | None:
        """The range as a list."""
        return None if self.input_range is None else self.input_range.replace("..", ",")

    def padded(self, scale: str) -> str:
        """How noisy images are resized, with the padding.

        Raises:
            InputError: If there is no such padding, or the scale says another one.
        """
        from segcert.models.resizing.scale import resizing_text, with_padding

        return scale if "pad" not in self.given else resizing_text(with_padding(scale, self.pad))

    def words(self) -> list[str]:
        """The options as they are typed, without the padding, which is part of the scale."""
        found: list[str] = []
        for name, value in self.values.items():
            if name in self.given and name != "pad":
                option = "--" + name.replace("_", "-")
                found += [option] if value is True else [option, str(value)]
        return found


NETWORK_AS_USUAL = NetworkOptions()


def numbers(option: str, text: str) -> tuple[float, ...]:
    """Read numbers between commas.

    Raises:
        InputError: If one is none.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"{option} takes numbers between commas, got {text!r}") from error
