"""The weights that come with segcert, and how models are found by name."""

from pathlib import Path

import numpy as np
import pytest

from segcert.data.camvid import CLASSES, CamVid
from segcert.errors import InputError
from segcert.models.files.checkpoints import Description, read_description
from segcert.models.nets.depthwise import STRIDE
from segcert.models.shipped import find, open_model, shipped


def describe(name: str) -> Description:
    return read_description(shipped()[name])


def test_models_with_and_without_noise_are_shipped() -> None:
    plain = {name for name in shipped() if describe(name).sigma == 0}
    assert plain == {"camvid-plain", "synthetic-plain"}
    assert set(shipped()) == plain | {"camvid", "synthetic"}


@pytest.mark.parametrize("name", ["camvid", "synthetic"])
def test_a_shipped_model_opens_and_says_what_it_is(name: str) -> None:
    assert shipped()[name].stat().st_size <= 4 * 2**20
    segmenter, about = open_model(name), describe(name)
    assert segmenter.name == name
    assert segmenter.origin == about
    assert segmenter.class_names == about.classes == CLASSES
    assert segmenter.smallest_side == STRIDE
    assert about.sigma == 0.25
    assert about.training["epochs"] == about.training["epoch"]  # not cut off


def test_weights_carry_the_licence_of_their_data() -> None:
    assert "NC" in describe("camvid").licence
    assert describe("synthetic").licence == "Apache-2.0"


@pytest.mark.data
def test_the_camvid_model_knows_real_streets_without_noise_of_the_certificate(
    data_dir: Path,
) -> None:
    """Accuracy under noise on four photographs that it was not trained on."""
    import torch

    segmenter, right, labelled = open_model("camvid"), 0, 0
    for item in CamVid(data_dir / "camvid", "val")[::26]:
        rng = torch.Generator().manual_seed(0)
        noisy = torch.from_numpy(item.image / 255).float().movedim(2, 0)[None]
        noisy = noisy + 0.25 * torch.randn(noisy.shape, generator=rng)
        labels = segmenter.labels(noisy)[0].numpy()
        known = item.labels != 255
        right += int(np.sum(labels[known] == item.labels[known]))
        labelled += int(known.sum())
    assert right / labelled > 0.75


def test_a_path_opens_weights_of_ones_own(weights: Path) -> None:
    segmenter = open_model(str(weights), scale=0.5)
    assert segmenter.name == "tiny"
    assert segmenter.scale == 0.5
    assert segmenter.mean == segmenter.std == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("name", ["resnet", "", "Camvid"])
def test_unknown_names_are_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(InputError, match=rf"unknown model '{name}': choose one of .*or give"):
        find(name)
