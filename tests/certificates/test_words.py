"""Statements: the numbers they must hold, and what they must not promise."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import segcert as sc
from segcert.certificates.variation import variation
from segcert.certificates.words import in_words
from segcert.noise.base import REAL_NUMBERS
from segcert.smoothed import Prediction
from segcert.text import floor_text

TAU, ALPHA = 0.6, 0.1


@pytest.fixture(scope="module")
def some() -> sc.Counts:
    """Counts of a gradient, with all shades of probability."""
    image = np.linspace(0, 255, 120).astype(np.uint8).reshape(1, 10, 12)
    return sc.sample(
        sc.as_segmenter(lambda x: (x[:, 0] > 0.5).long(), classes=2, name="step"), image,
        noise=sc.LatticeGaussianNoise(0.25), n0=5, n=60, seed=1, device="cpu",
    )  # fmt: skip


def statement(counts: sc.Counts, **options: object) -> tuple[str, int]:
    """The words and the number of certified components."""
    cert = sc.certify(counts, tau=TAU, alpha=ALPHA, **options)  # type: ignore[arg-type]
    return cert.statement, int(cert.certified.sum())


def test_a_model_is_named_with_its_digest(some: sc.Counts) -> None:
    """A name alone may be anybody's: two networks of one name have two statements."""
    words = [
        sc.certify(
            replace(
                some,
                provenance=replace(
                    some.provenance, weights_sha256="c" * 64, identity_sha256=digest
                ),
            ),
            tau=TAU, alpha=ALPHA,
        ).statement
        for digest in ("a" * 64, "b" * 64)
    ]  # fmt: skip
    assert "class of step (sha256 aaaaaaaaaaaaaaaa) under" in words[0]
    assert words[1] == words[0].replace("a" * 16, "b" * 16)
    assert "class of step (a function without hash) under" in statement(some)[0]


@pytest.mark.parametrize("correction", [sc.holm, sc.Ordered(), sc.Capped(40), sc.KFwer(1)], ids=str)
def test_no_error_is_allowed(some: sc.Counts, correction: object) -> None:
    words, number = statement(some, correction=correction)
    assert words.startswith(
        "With confidence 0.9 - 2.5e-13 (for the whole statement; 2.5e-13 is for noise drawn from "
        "digital words): "
        f"at each of the {number} certified components of 120, the class printed is"
    )
    assert "all but" not in words


@pytest.mark.parametrize(("correction", "errors"), [(sc.KFwer(4), 3), (sc.Capped(40, 6), 5)])
def test_errors_that_are_allowed_are_said(some: sc.Counts, correction: object, errors: int) -> None:
    words, number = statement(some, correction=correction)
    assert f"at all but at most {errors} of the {number} certified components of 120, " in words
    assert "at each" not in words


@pytest.mark.parametrize("regions", [sc.Blocks(2), np.arange(120).reshape(10, 12) // 5])
def test_a_wrong_region_is_more_than_one_wrong_component(some: sc.Counts, regions: object) -> None:
    """k-FWER over regions bounds wrong regions: saying components would promise too much."""
    words, number = statement(some, correction=sc.KFwer(4), regions=regions)
    assert f"at all but those in at most 3 regions of the {number} certified components" in words
    words, number = statement(some, regions=regions)
    assert f"at each of the {number} certified components of 120, " in words


def test_what_is_said_about_classes_and_about_groups(some: sc.Counts) -> None:
    certified = np.ones((10, 12), dtype=bool)
    plain = in_words(some, certified, radius=0.1234567, alpha=0.001)
    assert "With confidence 0.999 - " in plain
    assert "l2 norm at most 0.1234" in plain  # floored
    assert "returns the class printed or abstains, never another class" in plain
    assert "adds its own error 0.001" in plain
    assert "step" in plain
    groups = in_words(some, certified, radius=0.1234567, alpha=0.001, tree=True)
    assert "lies in the group of classes printed with a probability above one half" in groups
    assert "That the single most probable class lies in the group is not said" in groups
    for words in (plain, groups):
        assert words.endswith("Nothing is said about the other components.")
        assert words.count("With confidence") == 1


@pytest.mark.parametrize(
    "noise",
    [sc.GaussianNoise(0.2), sc.UniformNoise(0.2), sc.LaplaceNoise(0.2), sc.ContrastNoise(0.2)],
    ids=lambda noise: noise.kind,
)
def test_ball_and_assumption_are_those_of_the_noise(noise: sc.AbstractNoise) -> None:
    counts = sc.sample(
        sc.as_segmenter(lambda x: (x[:, 0] > 0.5).long(), classes=2),
        torch.ones(1, 3, 4), noise=noise, n0=3, n=40, seed=1, device="cpu",
    )  # fmt: skip
    cert = sc.certify(counts, tau=TAU, alpha=ALPHA)
    assert counts.noise == noise.with_grid(torch.ones(1))
    assert counts.noise.description in cert.statement
    assert counts.noise.assumption in cert.statement
    old = sc.certify(replace(counts, noise=noise), tau=TAU, alpha=ALPHA).statement
    assert noise.assumption in old
    assert REAL_NUMBERS in old
    assert old.startswith("With confidence 0.9 (for the whole statement): ")
    assert noise.ball(floor_text(cert.radius)) in cert.statement


class Wider(sc.GaussianNoise):
    """Noise of somebody else, under the name of ours, whose radius is twice as large."""

    def radius(self, p: float) -> float:
        """Twice that of Gaussian noise."""
        return 2 * super().radius(p)


def test_a_noise_of_ones_own_is_named_as_unproved(some: sc.Counts, tmp_path: Path) -> None:
    """In every statement; a file of segcert has a proof behind it, so there is none."""
    said = (
        "The noise 'Wider' is none of segcert's: that it is drawn as described, and that no change "
        "within the radius makes another class of the smoothed model, is the word of its author, "
        "unproved here."
    )
    model = sc.as_segmenter(lambda x: (x[:, 0] > 0.5).long(), classes=2)
    counts = sc.sample(model, torch.ones(1, 3, 4), noise=Wider(0.2), n0=3, n=40, device="cpu")
    assert isinstance(counts.noise, Wider)
    cert = sc.certify(counts, tau=TAU, alpha=ALPHA)
    radii = sc.radius_map(counts, alpha=ALPHA)
    for statement_of_it in (cert.statement, radii.statement, Prediction(cert).statement):
        assert statement_of_it.count(said) == 1
    assert "unproved" not in statement(some)[0]
    assert "unproved" not in sc.radius_map(some, alpha=ALPHA).statement
    with pytest.raises(sc.InputError, match="cannot be saved: noise must be one of gaussian"):
        cert.save(tmp_path / "cert")


def changed(counts: sc.Counts, **source: object) -> sc.Counts:
    """Counts of another model."""
    return replace(counts, provenance=replace(counts.provenance, **source))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({}, ""),
        ({"scale": "0.5"}, "By step the network on inputs resized by scale 0.5 is meant"),
        ({"scale": "multi"}, "on inputs resized by scale multi is meant"),
        ({"model": "step+blur"}, "By step+blur the network with the denoiser in its name is meant"),
        ({"precision": "int8"}, "By step the network as computed in int8 is meant"),
        (
            {"model": "a+b", "scale": "0.5", "precision": "bfloat16 autocast"},
            "with the denoiser in its name, on inputs resized by scale 0.5, as computed in "
            "bfloat16 autocast is meant, all after the noise.",
        ),
    ],
)
def test_what_belongs_to_the_model_is_said(
    some: sc.Counts, source: dict[str, str], words: str
) -> None:
    text, _ = statement(changed(some, **source))
    assert words in text
    assert (" is meant" in text) == bool(words)


def test_when_sampling_might_stop_is_said(some: sc.Counts) -> None:
    """Looks by their numbers, an e-process by the draws between two, nothing for a fixed n."""
    assert "Sampling might stop" not in statement(some)[0]
    looks = replace(some, sequential=sc.Looks((30, 60, 90)))
    assert "might stop after 30, 60, 90 draws, and stopped after 60." in statement(looks)[0]
    anytime = replace(some, sequential=sc.Anytime(200, every=20))
    assert "after every 20 draws, up to 200, and stopped after 60." in statement(anytime)[0]
    each = replace(some, sequential=sc.Anytime(200, every=1))
    assert "might stop after each draw, up to 200" in statement(each)[0]


def test_what_noise_from_digital_words_costs_is_the_sum_over_all_draws(some: sc.Counts) -> None:
    """Of the draws that might have been made, if sampling might have stopped."""
    shape = some.provenance.input_shape
    one = some.noise.variation(shape)
    assert 65 * one <= variation(some) <= 65 * one * (1 + 1e-9)
    more = replace(some, sequential=sc.Looks((60, 200)))
    assert 205 * one <= variation(more) <= 205 * one * (1 + 1e-9)


@pytest.mark.parametrize("certified_by", [sc.certify, sc.radius_map])
def test_an_alpha_below_what_the_noise_costs_is_refused(
    some: sc.Counts, certified_by: Callable[..., object]
) -> None:
    options = {"tau": TAU} if certified_by is sc.certify else {}
    for share in (1.0, 0.5, 1e-9):
        with pytest.raises(sc.InputError, match=r"alpha must be larger than 2\.5e-13"):
            certified_by(some, alpha=variation(some) * share, **options)


def test_an_alpha_below_what_the_noise_costs_is_refused_before_the_first_draw() -> None:
    def model(x: torch.Tensor) -> torch.Tensor:
        raise AssertionError(x)

    volume = torch.zeros(1, 10, 10, 10)
    with pytest.raises(sc.InputError, match="use a larger alpha, or fewer draws"):
        sc.certify_image(model, volume, alpha=1e-11, n=400, n0=10)
