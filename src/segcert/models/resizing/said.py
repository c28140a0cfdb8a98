"""The settings of `conventions` and the like, as arguments of `as_segmenter`."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypedDict

from segcert.errors import InputError
from segcert.models.resizing.conventions import ALONE, Channels, Convention, Layout, Returns


class Conventions(TypedDict, total=False):
    """What a network takes and returns, where it is not the usual; part of the base model.

    Attributes:
        pad: Pad the sides to multiples of this many pixels, after resizing, with zeros at the right
            and at the bottom; labels are cropped back. Also of volumes; "1+pad32" as a scale.
        channels: "rgb", "bgr", "grey" (one, of red, green and blue), "rgba" or "bgra". Mean and
            std are in this order.
        layout: "nchw", or "nhwc" for channels last, (b, h, w, c).
        output_layout: The same of its scores.
        input_range: What black and white are for it: (0, 1), (0, 255), (-1, 1). Mean and std are in
            these units.
        output_name: Which of several outputs counts: a key, or the number in a tuple as text.
        returns: "scores", or "labels" where class numbers come as floating-point numbers.
        binary: Whether it has one channel: class 1 where that is above ``threshold``, else 0.
        threshold: In units of that channel: 0 (logits) by default, 0.5 after a sigmoid.
        regions: Thresholds of channels that overlap (multi-label heads), one each. They are painted
            in their order over a background, class 0, and the last one wins: class i + 1 is
            channel i, above its threshold where no later one is.
        smooth_scores: Standard deviation, pixels of the input, of the Gaussian that probabilities
            of classes are blurred by before the largest wins; 0 for none. Not of models that return
            labels.
        stochastic: Whether model or denoiser draw randomness of their own (dropout, random crops).
            It must be fresh for each draw of a batch, and in each call: draws that share it depend
            on each other, and no certificate follows. So such draws go through the model one by
            one; with a batch size that is given as a number, only if two equal copies in a batch
            get labels as different as those of two calls.
    """

    pad: int
    channels: Channels
    layout: Layout
    output_layout: Layout
    input_range: tuple[float, float]
    output_name: str
    returns: Returns
    binary: bool
    threshold: float
    regions: tuple[float, ...]
    smooth_scores: float
    stochastic: bool


def convention_of(said: Mapping[str, Any]) -> Convention:
    """Check what was said of a network.

    Raises:
        InputError: If a name or a value is unknown.
    """
    unknown = sorted(set(said) - {field.name for field in fields(Convention)})
    if unknown:
        known = ", ".join(Conventions.__annotations__)
        raise InputError(f"as_segmenter knows no {unknown[0]}: of networks it takes {known}")
    if "threshold" in said and not said.get("binary"):
        raise InputError(ALONE)
    lists = ("input_range", "regions")
    values: dict[str, Any] = {k: tuple(v) if k in lists else v for k, v in said.items()}
    return Convention(**values)
