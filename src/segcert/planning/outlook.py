"""An outlook on some images: probes, forecasts and what they recommend."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from segcert.inputs.images import ImageInput
from segcert.models.adapter import Model
from segcert.models.protocol import SegmentationModel
from segcert.noise.base import AbstractNoise
from segcert.planning.forecast import Forecast, forecast, mean_forecast
from segcert.planning.population import populate
from segcert.planning.probe import check_probe, take_probe
from segcert.planning.recommend import Recommendation, check_share, largest_tau, recommend
from segcert.stats.levels import check_tau_alpha


@dataclass(frozen=True)
class Probed:
    """One image that was probed.

    Args:
        name: Of the image.
        components: Number of components, N.
        seed: Of its probe.
    """

    name: str
    components: int
    seed: int


@dataclass(frozen=True, eq=False)
class Outlook:
    """A prediction, no guarantee.

    Args:
        images: What was probed.
        forecast: Predicted shares, averaged over the images.
        recommended: For each threshold of the forecast.
        in_reach: Where the wished share is out of reach at the first threshold, the largest one
            at which it is not; None if there is none, or the wish is in reach.
    """

    images: tuple[Probed, ...]
    forecast: Forecast
    recommended: tuple[Recommendation, ...]
    in_reach: float | None


def make_outlook(
    model: Model | SegmentationModel,
    images: Mapping[str, ImageInput],
    *,
    noise: AbstractNoise,
    taus: Sequence[float],
    alpha: float = 1e-3,
    share: float | None = None,
    n0: int = 4,
    draws: int = 60,
    seed: int | None = None,
    device: str = "auto",
    batch_size: int | str = "auto",
    progress: Callable[[str, int, int], None] | None = None,
) -> Outlook:
    """Predict from a short probe of each image what more draws would certify.

    Args:
        model: As for `sample`.
        images: By name, at least one.
        noise: As for `sample`.
        taus: Thresholds, in [1/2, 1).
        alpha: Allowed probability that the statement about one image is wrong, in (0, 1).
        share: Wished certified share, in (0, 1]; None for two points below the ideal.
        n0: Pilot draws of the procedures that have one.
        draws: Draws of the probe of each image.
        seed: Of all probes; None takes a fresh one for each.
        device: As for `sample`.
        batch_size: As for `sample`.
        progress: Called with name, draws done and draws in all.

    Raises:
        InputError: If an argument or an image breaks a rule.
        ModelError: If the model cannot be certified.
    """
    check_probe(n0=n0, draws=draws)
    for tau in taus:
        check_tau_alpha(tau=tau, alpha=alpha)
    if share is not None:
        check_share(share)
    probed, populations = [], []
    for name, image in images.items():
        probe = take_probe(
            model, image, noise=noise, n0=n0, draws=draws, seed=seed, device=device,
            batch_size=batch_size, progress=progress_of(name, progress),
        )  # fmt: skip
        probed.append(Probed(name, probe.components, probe.seed))
        populations.append(populate(probe))
    predicted = mean_forecast([forecast(one, taus=taus, alpha=alpha) for one in populations])
    best = tuple(recommend(predicted, tau, share=share) for tau in range(len(taus)))
    missed = share is not None and not best[0].reached
    in_reach = largest_tau(populations, share=share, alpha=alpha) if share and missed else None
    return Outlook(tuple(probed), predicted, best, in_reach)


def progress_of(
    name: str, progress: Callable[[str, int, int], None] | None
) -> Callable[[int, int], None] | None:
    """Progress of one image."""
    if progress is None:
        return None
    return lambda done, total: progress(name, done, total)
