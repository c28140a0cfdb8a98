"""What mean and standard deviation of inputs in [0, 1] can be."""

import math

from segcert.errors import InputError

MEANS = (-1.0, 2.0)  # values in [0, 1] have a mean in [0, 1]
LARGEST_STD = 2.0  # and a deviation of at most 1/2; 1 divides by nothing
IN_BYTES = (
    "inputs are in [0, 1], and numbers in units of bytes, 0 to 255, would make a constant of them: "
    "divide both by 255, or say that the network takes bytes, input_range (--input-range 0..255)"
)


def check_normalisation(mean: tuple[float, ...], std: tuple[float, ...]) -> None:
    """Refuse a mean and standard deviation that are none of inputs in [0, 1].

    Args:
        mean: Subtracted per channel.
        std: Divided by per channel.

    Raises:
        InputError: If there are not as many, a number is not finite, std is not positive, or they
            are in units of bytes.
    """
    finite = all(math.isfinite(value) for value in (*mean, *std))
    if len(mean) != len(std) or not finite or any(not value > 0 for value in std):
        raise InputError(f"mean and std need one entry per channel, std > 0; got {mean} and {std}")
    low, high = MEANS
    if any(not low <= value <= high for value in mean) or any(v > LARGEST_STD for v in std):
        raise InputError(
            f"mean must lie in [{low:g}, {high:g}] and std in (0, {LARGEST_STD:g}], got {mean} and "
            f"{std}: {IN_BYTES}"
        )


def check_channels(mean: tuple[float, ...], channels: int, *, name: str) -> None:
    """Refuse inputs of another number of channels than there are means.

    Raises:
        InputError: If so.
    """
    if len(mean) not in (0, channels):
        raise InputError(
            f"model {name} has a mean and std for {len(mean)} channels, the input has {channels}: "
            "give one of each for each channel"
        )
