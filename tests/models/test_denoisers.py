"""How denoisers are found, opened and told from models."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from segcert.errors import InputError, ModelError
from segcert.models import shipped
from segcert.models.callables import with_denoiser
from segcert.models.denoisers import load_denoiser, open_denoiser, shipped_denoisers
from segcert.models.files.checkpoints import (
    DenoiserDescription,
    load_weights,
    read_denoiser_description,
    read_description,
    save_weights,
)
from segcert.models.identity import names
from segcert.models.identity.weights_hash import hash_weights
from segcert.models.nets.denoising import ResidualDenoiser
from segcert.models.wrapping import as_segmenter

ABOUT = DenoiserDescription(
    sigma=0.25, data="nothing", licence="Apache-2.0", training={"epochs": 1}, trained_for="plain"
)


class Halving(nn.Module):
    """Stands for a denoiser of someone else, with batch norm."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(x) / 2


def export(path: Path, net: nn.Module, *, free: bool = True) -> Path:
    """Write an exported program that takes any batch and size, or only one."""
    auto = torch.export.Dim.DYNAMIC
    shapes = ({0: auto, 2: auto, 3: auto},) if free else None
    program = torch.export.export(net, (torch.rand(2, 3, 16, 32),), dynamic_shapes=shapes)
    torch.export.save(program, path)
    return path


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    net, path = ResidualDenoiser(), tmp_path / "soft.safetensors"
    nn.init.normal_(net.noise.weight, std=0.1)
    save_weights(path, net, ABOUT)
    return path


def test_a_round_trip_keeps_weights_and_description(tmp_path: Path) -> None:
    net, path = ResidualDenoiser(), tmp_path / "soft.safetensors"
    save_weights(path, net, ABOUT)
    found, about = load_denoiser(path)
    assert hash_weights(found) == hash_weights(net)
    assert about == read_denoiser_description(path) == ABOUT
    assert not any(part.training for part in found.modules())


def test_a_path_opens_a_denoiser_of_ones_own(saved: Path) -> None:
    found = open_denoiser(str(saved))
    net, name = found.call, found.name
    assert name == "soft"
    noisy = torch.rand(2, 3, 20, 24)
    with torch.inference_mode():
        assert torch.equal(net(noisy), load_denoiser(saved)[0](noisy))


def test_what_is_opened_goes_before_a_network(saved: Path) -> None:
    """As it is, with its name and the identity that it has on the command line."""
    net, opened = torch.nn.Conv2d(3, 2, 1).eval(), open_denoiser(str(saved))
    segmenter = as_segmenter(net, name="net", denoiser=opened)
    noisy = torch.rand(2, 3, 20, 24)
    with torch.inference_mode():
        wanted = net(opened.call(noisy)).argmax(1)
    assert torch.equal(segmenter.labels(noisy), wanted)
    assert segmenter.name == "net+soft"
    front = {"name": "soft", "configuration": opened.sha256}
    named = with_denoiser(as_segmenter(net, name="net"), opened.call, **front)
    assert segmenter.identity_sha256 == named.identity_sha256


def test_models_and_denoisers_refuse_each_other(saved: Path, weights: Path) -> None:
    for read in (load_weights, read_description):
        with pytest.raises(InputError, match=r"soft.safetensors holds a denoiser.*--denoiser"):
            read(saved)
    with pytest.raises(InputError, match="holds a denoiser"):
        shipped.open_model(str(saved))
    with pytest.raises(InputError, match=r"holds a segmentation model, no denoiser: segcert train"):
        open_denoiser(str(weights))


def test_shipped_files_are_listed_once_by_what_they_hold(
    saved: Path, weights: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "package" / "weights"
    folder.mkdir(parents=True)
    for path in (saved, weights):
        (folder / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(names, "files", lambda _: tmp_path / "package")
    assert set(shipped.shipped()) == {weights.stem}
    assert set(shipped_denoisers()) == {"soft"}
    assert open_denoiser("soft").name == "soft"
    with pytest.raises(InputError, match=r"unknown model 'soft'"):
        shipped.open_model("soft")


@pytest.mark.parametrize("name", ["hard", "", "camvid", "net.pth"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=rf"unknown denoiser '{name}': choose one of .*\.pt2 file"):
        open_denoiser(name)


def test_missing_and_damaged_files_are_refused_in_one_line(tmp_path: Path, saved: Path) -> None:
    (tmp_path / "cut.safetensors").write_bytes(saved.read_bytes()[:5000])
    (tmp_path / "cut.pt2").write_bytes(b"no program")
    for name, words in (
        ("none.safetensors", "does not exist"), ("none.pt2", "does not exist"),
        ("cut.safetensors", "is damaged"), ("cut.pt2", "cut.pt2 is"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words) as found:
            open_denoiser(str(tmp_path / name))
        assert "\n" not in str(found.value)


def test_weights_of_another_shape_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "wide.safetensors"
    save_weights(path, ResidualDenoiser(width=(8, 16, 16, 16)), ABOUT)
    with pytest.raises(InputError, match="do not fit the network denoiser"):
        open_denoiser(str(path))


def test_an_exported_program_denoises_any_batch_and_size(tmp_path: Path) -> None:
    found = open_denoiser(str(export(tmp_path / "half.pt2", Halving().eval())))
    net, name = found.call, found.name
    assert name == "half"
    for size in ((1, 3, 7, 9), (5, 3, 32, 16)):
        noisy = torch.rand(size)
        assert torch.allclose(net(noisy), noisy / 2, atol=1e-5)


def test_a_program_of_one_shape_is_refused_with_the_way_out(tmp_path: Path) -> None:
    net = open_denoiser(str(export(tmp_path / "rigid.pt2", Halving().eval(), free=False))).call
    assert net(torch.rand(2, 3, 16, 32)).shape == (2, 3, 16, 32)
    with pytest.raises(ModelError, match=r"rigid cannot take .*\(3, 3, 16, 32\).*dynamic") as found:
        net(torch.rand(3, 3, 16, 32))
    assert "\n" not in str(found.value)


@pytest.mark.parametrize(
    "net",
    [
        Halving().train(),
        nn.Sequential(nn.BatchNorm2d(3, track_running_stats=False)).eval(),
        nn.Sequential(nn.Dropout(0.5)).train(),
    ],
)
def test_a_program_in_train_mode_is_refused(net: nn.Module, tmp_path: Path) -> None:
    """Its batch norm would mix the draws, and the certificate would be void."""
    path = export(tmp_path / "train.pt2", net)
    with pytest.raises(InputError, match=r"exported in train mode.*call eval\(\)"):
        open_denoiser(str(path))


def test_a_program_that_returns_no_image_is_refused(tmp_path: Path) -> None:
    shrinking = nn.Sequential(nn.AvgPool2d(2)).eval()
    net = open_denoiser(str(export(tmp_path / "small.pt2", shrinking))).call
    with pytest.raises(ModelError, match=r"must return images of shape .*got \(1, 3, 8, 8\)"):
        net(torch.rand(1, 3, 16, 16))


def test_descriptions_tell_what_a_denoiser_was_trained_for(saved: Path) -> None:
    opener: Callable[[Path], DenoiserDescription] = read_denoiser_description
    assert opener(saved).trained_for == "plain"
    assert opener(saved).architecture == "denoiser"
