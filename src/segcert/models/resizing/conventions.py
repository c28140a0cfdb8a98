"""What a network takes and returns where it is not what most do; said once, before the draws.

| setting | what it says |
|---|---|
| ``channels`` | "rgb", "bgr", "grey" (one, of red, green and blue), "rgba" or "bgra" (four) |
| ``layout`` | "nchw", or "nhwc" for channels last |
| ``output_layout`` | the same of the scores |
| ``input_range`` | what black and white are for the network: (0, 1), (0, 255), (-1, 1) |
| ``output_name`` | which output counts: a key, or a number in a tuple |
| ``returns`` | "scores", or "labels" where class numbers come as floating-point numbers |
| ``binary`` | one channel; above ``threshold`` is class 1 |
| ``regions`` | overlapping channels, one threshold each; see `heads.region_scores` |

All of it is part of the base model: it comes after the noise, and certificates name and hash it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args
from urllib.parse import quote, unquote

from segcert.errors import InputError

Channels = Literal["rgb", "bgr", "grey", "rgba", "bgra"]
Layout = Literal["nchw", "nhwc"]
Returns = Literal["scores", "labels"]

BANDS: dict[str, tuple[int, ...]] = {  # that inputs must have
    "rgb": (3,), "bgr": (3,), "grey": (1, 3), "rgba": (4,), "bgra": (4,),
}  # fmt: skip
ORDERS: dict[str, tuple[int, ...]] = {  # where batch, channels, height and width are
    "nchw": (0, 1, 2, 3), "nhwc": (0, 3, 1, 2),
}  # fmt: skip
ENTRIES = {"rgb": 3, "bgr": 3, "grey": 1, "rgba": 4, "bgra": 4}  # that the network sees
ALONE = "threshold is of a binary head: say binary, too"
BYTES = 128.0  # from this range on, a deviation below 1 is one of inputs in [0, 1]


@dataclass(frozen=True)
class Convention:
    """What a network takes and returns; see the table of this module.

    Args:
        channels: Which channels it takes, in which order.
        layout: Order of the axes that it takes.
        output_layout: Order of the axes of its scores.
        input_range: Its values of black and white.
        output_name: Key or number of the output that counts; empty for the usual one.
        returns: What its floating-point numbers are.
        binary: Whether it scores one class against the rest, in one channel.
        threshold: Of a binary head, in units of its output.
        regions: Thresholds of channels that overlap; empty if classes exclude each other.

    Raises:
        InputError: If a value is unknown, or two of them contradict each other.
    """

    channels: str = "rgb"
    layout: str = "nchw"
    output_layout: str = "nchw"
    input_range: tuple[float, float] = (0.0, 1.0)
    output_name: str = ""
    returns: str = "scores"
    binary: bool = False
    threshold: float = 0.0
    regions: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Check each value, and what goes together."""
        for name, known in (
            ("channels", get_args(Channels)), ("layout", get_args(Layout)),
            ("output_layout", get_args(Layout)), ("returns", get_args(Returns)),
        ):  # fmt: skip
            if getattr(self, name) not in known:
                raise InputError(
                    f"{name} must be {', '.join(known[:-1])} or {known[-1]}, got "
                    f"{getattr(self, name)!r}"
                )
        low, high = self.input_range
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise InputError(f"input_range must be two numbers, low < high, got {low} and {high}")
        if not all(map(math.isfinite, (self.threshold, *self.regions))):
            raise InputError("thresholds must be finite numbers")
        if self.threshold and not self.binary:
            raise InputError(ALONE)
        heads = (self.binary, bool(self.regions), self.returns == "labels")
        if sum(heads) > 1:
            raise InputError(
                "binary, regions and returns labels are three kinds of output: say one of them"
            )

    @property
    def arranges(self) -> bool:
        """Whether anything is done besides another range, which mean and std take in."""
        return any(name != "input_range" for name in self.said())

    @property
    def head(self) -> bool:
        """Whether scores are compared with thresholds, not with each other."""
        return self.binary or bool(self.regions)

    @property
    def classes(self) -> int | None:
        """Number of classes of a head with thresholds; None of others."""
        if self.binary:
            return 2
        return len(self.regions) + 1 if self.regions else None

    def said(self) -> dict[str, Any]:
        """The values that are not as usual, by name; the threshold of each binary head."""
        found = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if getattr(self, field.name) != field.default
        }
        return found | ({"threshold": self.threshold} if self.binary else {})

    def normalisation(
        self, mean: tuple[float, ...], std: tuple[float, ...]
    ) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and std of inputs in [0, 1], red first, of those that the network is given.

        Args:
            mean: In units of ``input_range``, in the order of the network's channels.
            std: Likewise.

        Raises:
            InputError: If they are in units of [0, 1] where the range is that of bytes.
        """
        low, high = self.input_range
        if (low, high) == (0.0, 1.0) and (self.channels in ("rgb", "grey") or not mean):
            return mean, std
        if high - low >= BYTES and std and max(std) < 1:
            raise InputError(
                f"input_range is {low:g} to {high:g}, and mean and std, {mean} and {std}, are not "
                "in its units: multiply them, or leave input_range out"
            )
        if not mean:
            mean, std = (0.0,) * ENTRIES[self.channels], (1.0,) * ENTRIES[self.channels]
        if self.channels in ("bgr", "bgra"):
            mean, std = blue_first(mean), blue_first(std)
        width = high - low
        return tuple((one - low) / width for one in mean), tuple(one / width for one in std)


PLAIN = Convention()


def blue_first(values: tuple[float, ...]) -> tuple[float, ...]:
    """Exchange red and blue; a fourth value stays."""
    return (*values[2::-1], *values[3:])


def words_of(said: Mapping[str, Any]) -> str:
    """Write settings as names of models have them: ``[channels=bgr,threshold=0.5]``."""
    words = ",".join(word_of(name, value) for name, value in said.items())
    return f"[{words}]" if words else ""


def word_of(name: str, value: object) -> str:
    """Write one setting."""
    if value is True:
        return name
    if isinstance(value, tuple):
        return f"{name}={'/'.join(map(number_text, value))}"
    if isinstance(value, int | float):
        return f"{name}={number_text(value)}"
    return f"{name}={quote(str(value), safe='')}"


def number_text(value: float) -> str:
    """Write a number without loss and without a plus, which parts names of models."""
    short = f"{value:g}"
    text = short if float(short) == value else repr(float(value))
    return text.replace("e+", "e")


def split_words(name: str) -> tuple[str, dict[str, Any]]:
    """Split a name that certificates record into the model's own and its settings.

    Settings are not checked; what is none of them belongs to the name.
    """
    alone, bracket, rest = name.rpartition("[")
    if not bracket or not rest.endswith("]"):
        return name, {}
    found: dict[str, Any] = {}
    for word in rest[:-1].split(","):
        key, equals, text = word.partition("=")
        if key not in READ:
            return name, {}
        try:
            found[key] = READ[key](text) if equals else True
        except ValueError:
            return name, {}
    return alone, found


def numbers(text: str) -> tuple[float, ...]:
    """Read numbers between slashes.

    Raises:
        ValueError: If one is none.
    """
    return tuple(map(float, text.split("/")))


READ: dict[str, Callable[[str], Any]] = {
    "channels": str, "layout": str, "output_layout": str, "input_range": numbers,
    "output_name": unquote, "returns": str, "binary": bool, "threshold": float,
    "regions": numbers, "mean": numbers, "std": numbers, "class_count": int,
    "smooth_scores": float,
}  # fmt: skip
