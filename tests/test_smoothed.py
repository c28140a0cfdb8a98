"""The smoothed model: predictions that abstain, what they promise, and its settings in a file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import binom

import segcert as sc
from segcert.models.wrapping import as_segmenter
from segcert.smoothed import Prediction, Smoothed

FALSE_ALARM = 1e-6
PLAN = sc.Plan(n0=4, n=40, alpha=0.1)


def bright(batch: torch.Tensor) -> torch.Tensor:
    """Class 1 of a pixel that is brighter than 1/2."""
    return (batch[:, 0] > 0.5).long()


MODEL = as_segmenter(bright, classes=2, name="bright")


def image(*values: int) -> np.ndarray:
    """One row of grey pixels."""
    return np.repeat(np.array(values, np.uint8)[None, :, None], 3, axis=2)


def test_it_labels_what_is_clear_and_abstains_elsewhere() -> None:
    """128 is 1/510 above the threshold: a probability of 1/2 and a little."""
    found = Smoothed(MODEL, PLAN).predict(image(0, 128, 255), seed=1, device="cpu")
    assert found.labels.tolist() == [[0, Prediction.ABSTAINS, 1]]
    assert found.labels.dtype == np.int16
    assert found.certificate.tau == 0.5
    assert found.certificate.counts.provenance.seed == 1
    assert "at each of the 2 components of 3 that have a label" in found.statement
    assert "at this very input" in found.statement
    assert "1 - 0.1 - alpha of that certificate" in found.statement
    assert "With confidence 0.9 " in found.statement


def test_it_asks_for_less_than_a_certificate() -> None:
    """0.62 as the probability of a class is enough for a label, and not for tau = 0.75."""
    smoothed = Smoothed(MODEL, sc.Plan(n0=100, n=400, alpha=0.1))
    given = image(*[147] * 6)
    assert not smoothed.certify(given, seed=2, device="cpu").certified.any()
    assert (smoothed.predict(given, seed=2, device="cpu").labels == 1).all()


def test_errors_of_a_correction_that_allows_some_are_said() -> None:
    plan = sc.Plan(n0=4, n=40, alpha=0.1, correction=sc.KFwer(3))
    found = Smoothed(MODEL, plan).predict(image(0, 1, 2, 255), seed=1, device="cpu")
    assert "at all but at most 2 components of the 4 components of 4 that have" in found.statement


def sides(batch: torch.Tensor) -> torch.Tensor:
    """0 below the grey level 100, 1 above it, 2 at it: none has more than half of the draws."""
    level = (batch[:, 0] * 255).round()
    return torch.where(level < 100, 0, torch.where(level > 100, 1, 2))


@pytest.mark.repeats
def test_a_wrong_label_is_rare() -> None:
    """Where no class has more than one half, each label is wrong: in alpha of the runs at most.

    That a run would be flagged in which the pixels are not tested together is asserted.
    """
    runs, alpha, pixels, n = 120, 0.1, 8, 60
    smoothed = Smoothed(
        as_segmenter(sides, classes=3, name="sides"), sc.Plan(n0=4, n=n, alpha=alpha)
    )
    given = image(*[100] * pixels)
    found = [smoothed.predict(given, seed=seed, device="cpu").labels for seed in range(runs)]
    wrong = sum(bool((labels >= 0).any()) for labels in found)
    most = binom.isf(FALSE_ALARM, runs, alpha)
    assert wrong <= most
    assert wrong > 0  # the test is nearly sharp: a procedure that never labels keeps any alpha
    half = 0.5 * (1 - 1 / (0.25 * 255 * np.sqrt(2 * np.pi)))  # of a draw below or above the level
    k = int(np.flatnonzero(binom.sf(np.arange(n + 1) - 1, n, 0.5) <= alpha)[0])
    apart = 1 - (1 - binom.sf(k - 1, n, half)) ** pixels
    assert binom.cdf(most, runs, apart) <= 1e-3


def test_predictions_agree_with_a_certificate_within_its_radius() -> None:
    """At the edge of the certified ball no prediction names another class."""
    smoothed = Smoothed(MODEL, sc.Plan(n0=4, n=100, tau=0.75, alpha=0.01))
    given = np.full((3, 1, 5), 0.9, np.float32)
    cert = smoothed.certify(given, seed=3, device="cpu")
    assert cert.certified.all()
    moved = given - np.float32(0.999 * cert.radius / np.sqrt(given.size))
    labels = smoothed.predict(moved, seed=4, device="cpu").labels
    assert (labels == 1).any()
    assert np.isin(labels, (1, Prediction.ABSTAINS)).all()


def test_settings_are_read_for_the_model_that_they_are_of(tmp_path: Path) -> None:
    net = torch.nn.Conv2d(3, 2, 1).eval()
    smoothed = Smoothed(net, sc.Plan(n0=4, n=50, correction=sc.Ordered()))
    file = tmp_path / "deployed.json"
    smoothed.write(file)
    again = Smoothed.read(file, net)
    assert again.plan == smoothed.plan
    assert again.settings == smoothed.settings
    with pytest.raises(sc.VerificationError, match="are of another model"):
        Smoothed.read(file, torch.nn.Conv2d(3, 2, 1).eval())
    file.write_text(file.read_text().replace('"n": 50', '"n": 51'))
    with pytest.raises(sc.VerificationError, match="is not the one of its digest"):
        Smoothed.read(file, net)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"model": 1, "plan": 2}', '{"a": 1, "a": 2}'])
def test_other_files_are_no_settings(tmp_path: Path, text: str) -> None:
    (tmp_path / "other.json").write_text(text)
    with pytest.raises(sc.InputError, match="holds no settings of a smoothed model"):
        Smoothed.read(tmp_path / "other.json", MODEL)


def test_a_tree_is_refused_and_a_name_is_opened(weights: Path) -> None:
    with pytest.raises(sc.InputError, match="give a plan without one"):
        Smoothed(MODEL, sc.Plan(n0=0, tree=sc.open_hierarchy("camvid"), correction=sc.bonferroni))
    found = Smoothed(str(weights), PLAN)
    assert found.settings["model"]["name"] == weights.stem
    assert found.settings["plan"] == PLAN.record.written
