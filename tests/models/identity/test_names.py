"""Names of models: no file of another is printed by the name of a shipped one."""

import shutil
from pathlib import Path

import pytest
import torch

from segcert.models.denoisers import shipped_denoisers
from segcert.models.identity.names import own_name, shipped_names
from segcert.models.shipped import open_model, shipped
from segcert.models.shipped_points import shipped_points


def test_every_shipped_model_keeps_its_name() -> None:
    assert shipped_names() == {*shipped(), *shipped_denoisers(), *shipped_points()}
    assert open_model("camvid").name == "camvid"
    assert open_model("camvid", denoiser="camvid-denoiser").name == "camvid+camvid-denoiser"


@pytest.mark.parametrize(
    ("name", "path", "called"),
    [
        ("mine", "a/mine.pt2", "mine"),
        ("camvid", "a/camvid.pt2", "camvid.pt2"),
        ("Camvid", "Camvid.onnx", "Camvid.onnx"),
        ("camvid ", "camvid .onnx", "camvid .onnx"),
        ("camvid+camvid-denoiser", "camvid+camvid-denoiser.pt2", "camvid+camvid-denoiser.pt2"),
        ("shapes[category=mug]", "shapes[category=mug].pth", "shapes[category=mug].pth"),
    ],
)
def test_a_name_that_is_taken_gets_its_suffix(name: str, path: str, called: str) -> None:
    assert own_name(name, Path(path)) == called


def test_a_folder_that_is_called_as_a_shipped_model(tmp_path: Path) -> None:
    (tmp_path / "camvid").mkdir()
    assert own_name("camvid", tmp_path / "camvid") == "camvid/"


def test_weights_that_are_called_camvid(weights: Path, tmp_path: Path) -> None:
    path = tmp_path / "camvid.safetensors"
    shutil.copy(weights, path)
    assert open_model(str(path)).name == "camvid.safetensors"
    shutil.copy(shipped()["camvid"], path)
    assert open_model(str(path)).name == "camvid.safetensors"  # whatever it holds


class Constant(torch.nn.Module):
    """Class 1 everywhere."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Score two classes."""
        return torch.cat([batch[:, :1] * 0, batch[:, :1] * 0 + 1], 1)


def test_a_constant_network_in_camvid_pt2(tmp_path: Path) -> None:
    path = tmp_path / "camvid.pt2"
    torch.export.save(torch.export.export(Constant().eval(), (torch.rand(2, 3, 16, 16),)), path)
    assert open_model(str(path)).name == "camvid.pt2"
