"""Where a training run starts."""

from pathlib import Path

import pytest
import torch

from segcert.errors import InputError
from segcert.models.files.checkpoints import load_weights
from segcert.models.identity.weights_hash import hash_weights
from segcert.models.nets.denoising import ResidualDenoiser
from segcert.models.shipped import find
from segcert.training.start import starting_denoiser, starting_network

CAMVID = find("camvid")


def test_a_file_gives_its_weights_and_its_name() -> None:
    theirs, about = load_weights(CAMVID)
    net, start = starting_network("depthwise", about.classes, CAMVID)
    assert hash_weights(net) == hash_weights(theirs)
    assert start == f"camvid {hash_weights(theirs)[:12]}"


def test_random_weights_follow_the_global_stream() -> None:
    torch.manual_seed(1)
    one, start = starting_network("depthwise", ("a", "b"), None)
    torch.manual_seed(1)
    same, _ = starting_network("depthwise", ("a", "b"), None)
    other, _ = starting_network("depthwise", ("a", "b"), None)
    assert start == "random"
    assert hash_weights(one) == hash_weights(same) != hash_weights(other)


def test_another_network_or_other_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds a depthwise, the run trains a hrnetv2-w18"):
        starting_network("hrnetv2-w18", ("a",), CAMVID)
    with pytest.raises(InputError, match=r"knows the classes sky, building, .*the data have a, b"):
        starting_network("depthwise", ("a", "b"), CAMVID)
    with pytest.raises(InputError, match="does not exist"):
        starting_network("depthwise", ("a", "b"), tmp_path / "none.safetensors")


def test_a_denoiser_starts_fresh_or_from_its_file() -> None:
    torch.manual_seed(2)
    net, start = starting_denoiser(None)
    torch.manual_seed(2)
    assert hash_weights(net) == hash_weights(ResidualDenoiser())
    assert start == "random"
    with pytest.raises(InputError, match="camvid"):
        starting_denoiser(CAMVID)
