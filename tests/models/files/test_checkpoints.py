"""Weight files: round trip, strict description, damage."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from pydantic import ValidationError
from torch import nn

from segcert.errors import InputError
from segcert.models.files.checkpoints import (
    KEY,
    Description,
    check_weight_file,
    load_weights,
    read_description,
    save_weights,
)
from segcert.models.identity.weights_hash import hash_weights
from segcert.models.nets.architectures import build
from segcert.models.nets.depthwise import DepthwiseNet

Describe = Callable[..., Description]


def test_a_round_trip_keeps_weights_and_description(tmp_path: Path, describe: Describe) -> None:
    net = DepthwiseNet(3)
    path = tmp_path / "net.safetensors"
    save_weights(path, net, describe(sigma=0.5))
    found, about = load_weights(path)
    assert hash_weights(found) == hash_weights(net)
    assert about == read_description(path) == describe(sigma=0.5)
    assert not any(part.training for part in found.modules())


def test_another_architecture_round_trips(tmp_path: Path, describe: Describe) -> None:
    net, path = build("hrnetv2-w18", 3), tmp_path / "net.safetensors"
    save_weights(path, net, describe(architecture="hrnetv2-w18"))
    found, about = load_weights(path)
    assert about.architecture == "hrnetv2-w18"
    assert hash_weights(found) == hash_weights(net)
    save_weights(path, net, describe())
    with pytest.raises(InputError, match="do not fit the network depthwise"):
        load_weights(path)


def test_a_file_of_eleven_classes_is_below_four_megabytes(
    tmp_path: Path, describe: Describe
) -> None:
    names, colours = tuple("abcdefghijk"), ((1, 2, 3),) * 11
    path = tmp_path / "net.safetensors"
    save_weights(path, DepthwiseNet(11), describe(classes=names, palette=colours))
    assert path.stat().st_size <= 4 * 2**20


@pytest.mark.parametrize(
    "changed",
    [
        {"classes": ()},
        {"classes": ("a",)},
        {"classes": tuple(map(str, range(256))), "palette": ((0, 0, 0),) * 256},
        {"palette": ((0, 0, 256),) * 3},
        {"palette": ((0, 0, -1),) * 3},
        {"palette": ((0, 0),) * 3},
        {"sigma": -0.1},
        {"sigma": torch.nan},
        {"architecture": "hrnet"},
        {"licence": None},
        {"unheard_of": 1},
    ],
)
def test_the_description_is_strict(describe: Describe, changed: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        describe(**changed)


def test_missing_and_foreign_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.safetensors"
    with pytest.raises(InputError, match=r"net\.safetensors does not exist"):
        load_weights(path)
    path.write_bytes(b"not at all")
    with pytest.raises(InputError, match=r"net\.safetensors is damaged or no safetensors"):
        load_weights(path)
    safetensors.torch.save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(InputError, match="carries no segcert description: write it with"):
        load_weights(path)
    with pytest.raises(InputError, match="is a folder"):
        load_weights(tmp_path)


@pytest.mark.parametrize("header", ["", "[]", "null", "{}", '{"classes": 3}', "\x00", "NaN"])
def test_foreign_descriptions_are_refused(tmp_path: Path, header: str) -> None:
    path = tmp_path / "net.safetensors"
    safetensors.torch.save_file({"weight": torch.zeros(3)}, path, {KEY: header})
    with pytest.raises(InputError, match="carries no segcert description"):
        load_weights(path)


@pytest.mark.parametrize("kept", [4, 100, 20_000, -1])
def test_truncated_files_are_refused(tmp_path: Path, weights: Path, kept: int) -> None:
    path = tmp_path / "cut.safetensors"
    path.write_bytes(weights.read_bytes()[:kept])
    with pytest.raises(InputError, match=r"cut\.safetensors is damaged"):
        load_weights(path)


@pytest.mark.parametrize(
    ("net", "reason"),
    [
        (DepthwiseNet(4), r"classify\.weight"),
        (DepthwiseNet(3, width=(8, 8, 8, 8)), "size mismatch"),
        (nn.Conv2d(3, 3, 1), "Missing key"),
    ],
)
def test_weights_of_another_shape_are_refused_in_few_words(
    tmp_path: Path, describe: Describe, net: nn.Module, reason: str
) -> None:
    path = tmp_path / "other.safetensors"
    save_weights(path, net, describe())
    with pytest.raises(InputError, match=rf"other\.safetensors do not fit .*{reason}") as caught:
        load_weights(path)
    assert len(str(caught.value)) < 400


def test_the_header_is_readable_without_us(weights: Path) -> None:
    with safetensors.safe_open(weights, framework="pt") as file:
        assert json.loads(file.metadata()[KEY])["classes"] == ["road", "car", "sky"]


def test_training_cannot_write_where_certify_would_not_find(tmp_path: Path) -> None:
    check_weight_file(tmp_path / "new" / "net.safetensors")
    with pytest.raises(InputError, match=r"\.safetensors file, got .*net\.pt"):
        check_weight_file(tmp_path / "net.pt")
