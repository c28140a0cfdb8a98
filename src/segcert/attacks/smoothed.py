"""Attack the smoothed model: the gradient is averaged over the noise.

The rounding inside a certified model has no gradient; it is taken to have that of no rounding
(which differs from it by at most half a grey level), so the gradient is that at the noisy image.
"""

from jaxtyping import Float
from torch import Tensor

from segcert.attacks.ascent import Ascent, Look, ascent
from segcert.attacks.objective import Objective
from segcert.errors import InputError
from segcert.models.protocol import WrappedModel
from segcert.noise.base import AbstractNoise
from segcert.sampling.streams import Stage, Streams


def look_at_smoothed(
    segmenter: WrappedModel, goal: Objective, noise: AbstractNoise, streams: Streams, *, draws: int
) -> Look:
    """Attack a model under noise: mean gain, share and gradient over fresh draws at each look.

    The draws come from a stage of their own: none of them is ever a draw of a test.

    Args:
        segmenter: The base model.
        goal: What the attack wants.
        noise: Additive noise on images of floating-point numbers.
        streams: Where the noise comes from.
        draws: How many at each look, at least 1.

    Raises:
        InputError: If ``draws`` is not positive.

    Source:
        Athalye et al. (2018), "Synthesizing robust adversarial examples", section 2 (expectation
        over transformation); Salman et al. (2019), section 2.2, attack smoothed classifiers so,
        with the logarithm outside of the mean.
    """
    if draws < 1:
        raise InputError(f"an attack on the smoothed model needs draws >= 1, got {draws}")
    used = 0

    def look(x: Float[Tensor, " *shape"]) -> Ascent:
        nonlocal used
        found = []
        for draw in range(used, used + draws):
            noisy = noise.sample(x, 1, rng=streams.of_draw(Stage.ATTACK, draw))
            found.append(ascent(segmenter, goal, noisy))
        used += draws
        gradient = sum((one.gradient for one in found[1:]), found[0].gradient) / draws
        return Ascent(
            sum(one.gain for one in found) / draws,
            sum(one.reached for one in found) / draws,
            gradient,
        )

    return look
