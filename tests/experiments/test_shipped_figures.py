"""The shipped models reach what docs/models.md says, on a few images (`make test-slow`)."""

from pathlib import Path

import pytest

import segcert as sc
from segcert.data.camvid import CamVid
from segcert.data.drawn_scenes import FIRST_TEST_SCENE, Scenes
from segcert.metrics.score import Score

SETTINGS = {"noise": sc.GaussianNoise(0.25), "n0": 10, "n": 100, "seed": 0}


def total(model: str, items: list) -> Score:
    """Score of all images together."""
    segmenter = sc.open_model(model)
    scores = []
    for item in items:
        cert = sc.certify(sc.sample(segmenter, item.image, **SETTINGS), tau=0.75, alpha=1e-3)
        scores.append(sc.score(cert.labels, cert.certified, item.labels, classes=11))
    whole = scores[0]
    for one in scores[1:]:
        whole = whole.plus(one)
    return whole


@pytest.mark.slow
@pytest.mark.data
def test_camvid_val_reaches_the_certified_accuracy_that_was_asked_for(data_dir: Path) -> None:
    """0.70 is required, 0.78 the aim, on all of val; every tenth image here."""
    found = total("camvid", CamVid(data_dir / "camvid", "val")[::10])
    assert found.certified_accuracy > 0.78
    assert found.accuracy > 0.85
    assert found.certified_accuracy <= found.accuracy


@pytest.mark.slow
def test_synthetic_scenes_that_were_not_trained_on() -> None:
    found = total("synthetic", list(Scenes(8, first=FIRST_TEST_SCENE)))
    assert found.certified_accuracy > 0.78
    assert found.accuracy > 0.88
