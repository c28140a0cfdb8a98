"""How the noisy image is resized inside the base model, as a value and as text.

| text | what the network sees |
|---|---|
| ``"1"``, ``"0.5"`` | the image at one factor; its scores are resized back as they are |
| ``"480x480"`` | the image at a fixed width and height, likewise |
| ``"0.5,1"`` | the image at each factor; the probabilities are averaged |
| ``"1+flip"`` | the image and its mirror image; the probabilities are averaged |
| ``"multi"`` | ``"0.5,0.75,1,1.25,1.5,1.75+flip"`` |
| ``"multi-pascal"`` | the same with 2 |
| ``"1+pad32"`` | the image, padded to multiples of 32; labels are cropped back |
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from segcert.errors import InputError
from segcert.models.resizing.windows import Axis, whole_axis, windows_of

LARGEST_FACTOR = 16.0
LARGEST_SIDE = 2**14  # pixels
FLIP = "+flip"
PAD = re.compile(r"(.+?)\+pad(\d{1,9})")
LARGEST_PAD = 4096  # pixels, of the multiple
WAY_OUT = "use a factor such as 0.5, factors such as 0.5,1+flip, a size such as 480x480, or multi"


@dataclass(frozen=True)
class Resizing:
    """How the noisy image is resized inside the base model.

    Args:
        factors: Of height and width, increasing.
        flip: Whether each is also seen mirrored, left to right.
        size: Fixed height and width in place of a factor, pixels.
        pad: What sides are padded to multiples of after that, pixels; 1 pads nothing. Padding is
            zero after the normalisation, at the right and at the bottom.

    Raises:
        InputError: If a factor or the size breaks its rule, or there are both.
    """

    factors: tuple[float, ...] = (1.0,)
    flip: bool = False
    size: tuple[int, int] | None = None
    pad: int = 1

    def __post_init__(self) -> None:
        """Check factors, size and padding."""
        if not 1 <= self.pad <= LARGEST_PAD:
            raise InputError(
                f"pad must be a whole number of 1 to {LARGEST_PAD} pixels, of which sides become "
                f"multiples, got {self.pad}"
            )
        for factor in self.factors:
            if not 0 < factor <= LARGEST_FACTOR:
                raise InputError(f"scale must be in (0, {LARGEST_FACTOR:g}], got {factor}")
        if not self.factors or any(not one < other for one, other in pairwise(self.factors)):
            raise InputError(
                f"the factors of scale must increase, each named once, got {self.factors}"
            )
        if self.size is None:
            return
        if self.factors != (1.0,):
            raise InputError(f"scale is a fixed size or factors, not both: {WAY_OUT}")
        if not all(1 <= side <= LARGEST_SIDE for side in self.size):
            raise InputError(
                f"a fixed size must be of 1 to {LARGEST_SIDE} pixels a side, "
                f"got {self.size[1]}x{self.size[0]}"
            )

    @property
    def averages(self) -> bool:
        """Whether probabilities of several views are averaged."""
        return self.flip or len(self.factors) > 1

    @property
    def factor(self) -> float | None:
        """The factor, if nothing but one factor was asked for."""
        return None if self.averages or self.size or self.pad > 1 else self.factors[0]

    @property
    def resizes(self) -> bool:
        """Whether anything is done besides padding."""
        return replace(self, pad=1) != Resizing()

    def padded(self, sides: Sequence[int]) -> tuple[int, ...]:
        """Sides after padding, pixels."""
        return tuple(-(-side // self.pad) * self.pad for side in sides)

    def sizes(self, height: int, width: int) -> tuple[tuple[int, int], ...]:
        """Height and width of an image after each resize, pixels."""
        if self.size is not None:
            return (self.size,)
        return tuple((math.floor(height * f), math.floor(width * f)) for f in self.factors)

    def windows(self, height: int, width: int) -> tuple[tuple[Axis, Axis], ...]:
        """Rows and columns of the windows of an image after each resize."""
        if self.size is not None:
            return ((whole_axis(self.size[0]), whole_axis(self.size[1])),)
        return tuple(
            (windows_of(rows, height), windows_of(columns, width))
            for rows, columns in self.sizes(height, width)
        )

    def smallest_side(self, height: int, width: int) -> int:
        """The smallest side that the network gets to see of an image, pixels."""
        return min(min(self.padded(size)) for size in self.sizes(height, width))

    def __str__(self) -> str:
        """Write as the shortest text from which `parse_resizing` reads the same."""
        if self.pad > 1:
            return f"{replace(self, pad=1)}+pad{self.pad}"
        if self in PRESETS.values():
            return next(name for name, preset in PRESETS.items() if preset == self)
        if self.size is None:
            text = ",".join(map(number_text, self.factors))
        else:
            text = f"{self.size[1]}x{self.size[0]}"
        return text + FLIP * self.flip


PRESETS = {
    "multi": Resizing((0.5, 0.75, 1.0, 1.25, 1.5, 1.75), flip=True),
    "multi-pascal": Resizing((0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0), flip=True),
}


def number_text(value: float) -> str:
    """Write a number without loss: short if that reads the same."""
    short = f"{value:g}"
    return short if float(short) == value else repr(value)


def parse_resizing(scale: str | float | Resizing) -> Resizing:
    """Read how to resize, from text, one factor, or what is read already.

    Raises:
        InputError: If it is none of them.
    """
    if isinstance(scale, Resizing):
        return scale
    if not isinstance(scale, str):
        return Resizing((float(scale),))
    text = scale.strip().lower()
    if (padding := PAD.fullmatch(text)) and "+pad" not in padding[1]:
        return replace(parse_resizing(padding[1]), pad=int(padding[2]))
    if text in PRESETS:
        return PRESETS[text]
    flip, text = text.endswith(FLIP), text.removesuffix(FLIP).strip()
    size = re.fullmatch(r"(\d{1,9})x(\d{1,9})", text)
    if size:
        return Resizing(flip=flip, size=(int(size[2]), int(size[1])))
    try:
        factors = sorted(float(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"scale {scale!r} is unknown: {WAY_OUT}") from error
    return Resizing(tuple(factors), flip=flip)


def with_padding(scale: str | float | Resizing, pad: int) -> str | float | Resizing:
    """Add padding to how images are resized.

    Args:
        scale: How they are resized.
        pad: What sides become multiples of, pixels; 1 leaves the scale as it is.

    Raises:
        InputError: If one cannot be, or the scale says another padding.
    """
    if pad == 1:
        return scale
    resizing = parse_resizing(scale)
    if resizing.pad not in (1, pad):
        raise InputError(f"scale {resizing} pads to multiples of {resizing.pad}, and pad is {pad}")
    return replace(resizing, pad=pad)


def resizing_text(scale: str | float | Resizing) -> str:
    """Write how to resize in the one way that records use.

    Raises:
        InputError: If it cannot be read.
    """
    return str(parse_resizing(scale))


def resizing_record(scale: str | float | Resizing) -> str | float:
    """Write how to resize into a file: one factor as a number, as files always had it.

    Raises:
        InputError: If it cannot be read.
    """
    resizing = parse_resizing(scale)
    return str(resizing) if resizing.factor is None else resizing.factor


def resized(batch: Float[Tensor, " b c h w"], size: tuple[int, int]) -> Float[Tensor, " b c _ _"]:
    """Resize images bilinearly, with a filter against aliasing where they shrink."""
    if batch.shape[2:] == size:
        return batch
    shrinks = size[0] < batch.shape[2] or size[1] < batch.shape[3]
    return functional.interpolate(
        batch, size=size, mode="bilinear", align_corners=False, antialias=shrinks
    )
