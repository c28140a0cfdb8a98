"""HRNetV2 checkpoints: classes and width from the weights, names where their number is known."""

import os
from pathlib import Path

import pytest
import torch
from foreign_models import MEAN, STD, thin_hrnet, write_toml
from torch import nn

from segcert.data import cityscapes, pascal_context
from segcert.errors import InputError
from segcert.models.files.hrnet_checkpoints import hrnetv2_with
from segcert.models.files.weights_files import read_weights
from segcert.models.identity.weights_hash import hash_weights
from segcert.models.nets import hrnet
from segcert.models.opening import open_foreign
from segcert.models.wrapping import as_segmenter


def saved(path: Path, *, classes: int = 5, width: int = 4, prefix: str = "model.") -> Path:
    net = thin_hrnet(classes, width)
    torch.save({"state_dict": {prefix + k: v for k, v in net.state_dict().items()}}, path)
    return path


@pytest.mark.parametrize(("classes", "width", "suffix"), [(5, 4, ".pth"), (2, 6, ".pt")])
@pytest.mark.sampled
def test_classes_and_width_are_read_off(
    tmp_path: Path, classes: int, width: int, suffix: str
) -> None:
    path = saved(tmp_path / f"net{suffix}", classes=classes, width=width)
    found = open_foreign(path)
    direct = as_segmenter(thin_hrnet(classes, width), mean=hrnet.MEAN, std=hrnet.STD)
    images = torch.rand(2, 3, 32, 48)
    torch.testing.assert_close(found.output(images), direct.output(images))
    assert hash_weights(found.model) == direct.weights_sha256
    assert (found.classes, found.class_names, found.palette) == (classes, (), ())
    assert (found.mean, found.std, found.smallest_side) == (hrnet.MEAN, hrnet.STD, 32)


@pytest.mark.parametrize("prefix", ["", "module.model."])
@pytest.mark.sampled
def test_prefixes_are_no_other_model(tmp_path: Path, prefix: str) -> None:
    net = open_foreign(saved(tmp_path / "net.pth", prefix=prefix)).model
    assert hash_weights(net) == hash_weights(thin_hrnet())


@pytest.mark.parametrize(
    ("classes", "about"),
    [(19, cityscapes), pytest.param(59, pascal_context, marks=pytest.mark.slow)],
)
def test_known_numbers_of_classes_get_their_names(
    tmp_path: Path, classes: int, about: object
) -> None:
    found = open_foreign(saved(tmp_path / "net.pth", classes=classes))
    assert found.class_names == about.CLASSES
    assert found.palette == about.PALETTE


def test_the_sidecar_wins(tmp_path: Path) -> None:
    path = saved(tmp_path / "net.pth", classes=19)
    names = tuple(f"mine {i}" for i in range(19))
    before = open_foreign(path).weights_sha256
    write_toml(path, classes=names)
    found = open_foreign(path)
    assert (found.class_names, found.palette, found.mean) == (names, (), hrnet.MEAN)
    assert found.weights_sha256 == before  # names change no label
    write_toml(path, mean=MEAN, std=STD, smallest_side=64, stochastic=True)
    found = open_foreign(path)
    assert (found.mean, found.std, found.smallest_side) == (MEAN, STD, 64)
    assert found.stochastic


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["align_corners", "inplace_abn"])
def test_settings_reach_the_network_and_the_hash(tmp_path: Path, setting: str) -> None:
    path = saved(tmp_path / "net.pth")
    plain = open_foreign(path)
    write_toml(path, **{setting: True})
    found = open_foreign(path)
    direct = hrnetv2_with(read_weights(path), path=path, classes=5, width=4, **{setting: True})
    images = torch.rand(1, 3, 64, 64)
    wanted = as_segmenter(direct, mean=hrnet.MEAN, std=hrnet.STD).output(images)
    torch.testing.assert_close(found.output(images), wanted)
    assert not torch.equal(found.output(images), plain.output(images))
    assert found.weights_sha256 != plain.weights_sha256


def test_another_number_of_names_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path / "net.pth")
    write_toml(path, classes=["one", "two"])
    with pytest.raises(InputError, match=r"net\.toml names 2 classes, net\.pth scores 5"):
        open_foreign(path)


def test_other_networks_are_refused_with_their_first_keys(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save(nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).state_dict(), path)
    with pytest.raises(InputError, match=r"do not fit HRNetV2-W48 with 19 .*conv1\.weight is miss"):
        open_foreign(path)
    torch.save({"last_layer.3.weight": torch.tensor(1.0)}, path)
    with pytest.raises(InputError, match="do not fit HRNetV2"):
        open_foreign(path)


class Runs:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (self.command,)


def test_a_pickle_inside_is_not_run(tmp_path: Path) -> None:
    mark, path = tmp_path / "mark", tmp_path / "net.pth"
    torch.save({"state_dict": thin_hrnet().state_dict(), "x": Runs(f"touch {mark}")}, path)
    with pytest.raises(InputError, match="would run code"):
        open_foreign(path)
    assert not mark.exists()
