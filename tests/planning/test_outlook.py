"""Plans end to end: a threshold model, whose truth is known, is certified as predicted."""

import numpy as np
import pytest
import torch
from scipy.special import ndtr

from segcert.certificates.segcertify import certify
from segcert.errors import InputError
from segcert.models.wrapping import as_segmenter
from segcert.noise.gaussian import GaussianNoise
from segcert.planning import outlook as planning
from segcert.planning.forecast import PROCEDURES
from segcert.planning.outlook import Outlook, make_outlook
from segcert.sampling.sampler import sample

SIGMA, ALPHA = 0.25, 1e-3
NOISE = GaussianNoise(SIGMA)


def bright(x: torch.Tensor) -> torch.Tensor:
    """``1[x > 1/2]``: on with probability Phi((x - 1/2) / sigma)."""
    return (x[:, 0] > 0.5).long()


MODEL = as_segmenter(bright, classes=2, name="bright")


def picture(seed: int, contrast: float = 1.0) -> torch.Tensor:
    """A floating-point image of 80x60 pixels, most of them far from 1/2."""
    grey = np.random.default_rng(seed).beta(0.25, 0.25, (1, 60, 80))
    return torch.from_numpy(0.5 + contrast * (grey - 0.5)).float()


def plan_of(images: dict[str, torch.Tensor], **options: object) -> Outlook:
    given = {"noise": NOISE, "taus": (0.75,), "alpha": ALPHA, "seed": 5, "device": "cpu"} | options
    return make_outlook(MODEL, images, **given)  # type: ignore[arg-type]


@pytest.mark.repeats
def test_certificates_are_as_predicted() -> None:
    """4800 independent pixels: a share varies by up to 0.7 points, so 2.5 points are allowed.

    Where Holm's steps begin, below 100 draws, chance decides whether they go on.
    """
    image = picture(0)
    predicted = plan_of({"one": image}).forecast
    for total in (120, 400):
        at = predicted.totals.index(total)
        for i, one in enumerate(PROCEDURES):
            n0 = 4 if one.pilot else 0
            counts = sample(MODEL, image, noise=NOISE, n0=n0, n=total - n0, seed=5, device="cpu")
            found = certify(counts, tau=0.75, alpha=ALPHA, correction=one.correction)
            assert predicted.shares[0, i, at] == pytest.approx(found.certified.mean(), abs=0.025)


@pytest.mark.repeats
def test_the_ideal_share_is_that_of_the_closed_form() -> None:
    image = picture(0)
    distance = abs(image.numpy().astype(float) - 0.5) / SIGMA
    found = plan_of({"one": image}, taus=(0.6, 0.75, 0.9), draws=100).forecast
    for ideal, tau in zip(found.ideal, found.taus, strict=True):
        assert ideal == pytest.approx((ndtr(distance) > tau).mean(), abs=0.02)


@pytest.mark.repeats
def test_images_are_averaged_and_have_seeds_of_their_own() -> None:
    images = {"one": picture(0)[:, :24], "dull": picture(1, contrast=0.7)[:, :24]}
    both = plan_of(images)
    single = [plan_of({name: image}) for name, image in images.items()]
    assert np.allclose(both.forecast.shares, np.mean([s.forecast.shares for s in single], 0))
    assert abs(single[0].forecast.shares - single[1].forecast.shares).max() > 0.05
    assert [one.name for one in both.images] == ["one", "dull"]
    assert [one.components for one in both.images] == [1920, 1920]
    fresh = plan_of(images, seed=None).images
    assert fresh[0].seed != fresh[1].seed


@pytest.mark.repeats
def test_a_wish_out_of_reach_comes_with_what_is_in_reach() -> None:
    image = {"one": picture(0)}
    made = plan_of(image, taus=(0.95,), share=0.85)
    assert not made.recommended[0].reached
    assert made.in_reach is not None
    assert 0.5 <= made.in_reach < 0.95
    again = plan_of(image, taus=(made.in_reach,), share=0.85)
    assert again.recommended[0].reached
    assert again.in_reach is None
    assert plan_of(image).in_reach is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"draws": 5}, "at least 10 draws"),
        ({"n0": 31}, "n0 must be from 1"),
        ({"taus": (0.75, 1.0)}, "tau must be"),
        ({"alpha": 0.0}, "alpha must be"),
        ({"share": 1.5}, "share must be"),
    ],
)
def test_numbers_out_of_range_are_refused_before_the_first_draw(
    changed: dict[str, object], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def take_probe(*_: object, **__: object) -> None:
        raise AssertionError("drawn in vain")

    monkeypatch.setattr(planning, "take_probe", take_probe)
    with pytest.raises(InputError, match=words):
        plan_of({"one": picture(0)}, **changed)
