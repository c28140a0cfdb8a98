"""What the digital words of the noise take off the confidence of a certificate.

The draws of a certificate are not quite draws of the exact noise: each has a total variation
distance from its law, bounded by `AbstractNoise.variation`. What holds with confidence 1 - alpha
under exact noise holds with the sum of these distances less under the noise that is drawn.

Source:
    docs/decisions/0015.
"""

from segcert.errors import InputError
from segcert.noise.base import AbstractNoise
from segcert.sampling.counts import Counts
from segcert.text import ceiling_text

UP = 1 + 2.0**-40  # more than the rounding of a few products


def variation_of(noise: AbstractNoise, shape: tuple[int, ...], draws: int) -> float:
    """Bound the total variation distance of some draws together from their exact law."""
    return draws * noise.variation(shape) * UP


def variation(counts: Counts) -> float:
    """Bound that of all draws that there are, or might have been if sampling had not stopped."""
    most = counts.n if counts.sequential is None else counts.sequential.at[-1]
    return variation_of(counts.noise, counts.provenance.input_shape, counts.n0 + most)


def check_variation(
    noise: AbstractNoise, shape: tuple[int, ...], draws: int, *, alpha: float
) -> None:
    """Refuse an alpha that the arithmetic of the noise cannot support.

    Raises:
        InputError: If the noise may be as far from its law as alpha.
    """
    less = variation_of(noise, shape, draws)
    if not less < alpha:
        raise InputError(
            f"alpha must be larger than {ceiling_text(less)}, how far the noise of {draws} draws "
            f"of shape {shape} may be from its exact law in total variation, got {alpha!r}: use a "
            "larger alpha, or fewer draws"
        )


def check_variation_of(counts: Counts, *, alpha: float) -> None:
    """Refuse an alpha that the noise of these counts cannot support.

    Raises:
        InputError: As `check_variation`.
    """
    most = counts.n if counts.sequential is None else counts.sequential.at[-1]
    check_variation(counts.noise, counts.provenance.input_shape, counts.n0 + most, alpha=alpha)
