"""Sidecars: what they say, and one line for each way in which they are wrong."""

from pathlib import Path

import pytest
import torch

from segcert.errors import InputError
from segcert.models.files.sidecar import Sidecar, read_sidecar, sidecar_path
from segcert.models.opening_points import open_point_model
from segcert.models.shipped import open_model


def written(tmp_path: Path, text: str) -> Path:
    (tmp_path / "net.toml").write_text(text)
    return tmp_path / "net.onnx"


def test_everything_it_can_say_is_read(tmp_path: Path) -> None:
    text = """
mean = [0, 0.5, 1]
std = [1, 2, 0.5]
classes = ["road", "sky"]
palette = [[0, 0, 255], [255, 0, 0]]
smallest_side = 64
stochastic = true
align_corners = true
inplace_abn = true
"""
    assert read_sidecar(written(tmp_path, text)) == Sidecar(
        mean=(0, 0.5, 1), std=(1, 2, 0.5), classes=("road", "sky"),
        palette=((0, 0, 255), (255, 0, 0)), smallest_side=64, stochastic=True,
        align_corners=True, inplace_abn=True,
    )  # fmt: skip


def test_without_one_all_is_as_it_is(tmp_path: Path) -> None:
    assert sidecar_path(tmp_path / "net.v2.pth") == tmp_path / "net.v2.toml"
    assert read_sidecar(tmp_path / "net.pth") == Sidecar()
    assert Sidecar().mean == Sidecar().std == ()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("means = [0, 0, 0]", r"net\.toml: means is unknown: known are mean, std, classes,"),
        ("mean = [0, 0]\nstd = [1, 1]", r"mean needs 3 values \(red, green, blue\), got 2"),
        ("mean = [0, 0, 0]", "mean and std go together"),
        ("std = [1, 1, 1]", "mean and std go together"),
        ("mean = [0, 0, 0]\nstd = [1, 0, 1]", r"std\.1 Input should be greater than 0"),
        ("mean = [0, nan, 0]\nstd = [1, 1, 1]", r"mean\.1 Input should be a finite number"),
        ("mean = 0.5", "mean Input should be a valid tuple"),
        ("classes = ['a', 'b']\npalette = [[0, 0, 0]]", "2 classes, 1 colours"),
        ("classes = ['a']", "classes needs two names or more"),
        ("classes = ['a', 'b']\npalette = [[0, 0, 256]]", r"palette\.0\.2 .* 255"),
        ("smallest_side = 0", "smallest_side .* greater than or equal to 1"),
        ("a = 1\nb = 2", r"a is unknown: .* \(and 1 more\)"),
        ("mean = [0, 0,", r"net\.toml is no TOML file"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_sidecar(written(tmp_path, text))


def test_settings_of_another_kind_are_refused(tmp_path: Path) -> None:
    sidecar = read_sidecar(written(tmp_path, "align_corners = false"))
    with pytest.raises(InputError, match=r"net\.toml: align_corners is elsewhere: take it out"):
        sidecar.refuse(("inplace_abn", "align_corners"), tmp_path / "net.onnx", "is elsewhere")
    sidecar.refuse(("inplace_abn",), tmp_path / "net.onnx", "is elsewhere")


def test_a_sidecar_that_nobody_reads_is_refused(weights: Path, tmp_path: Path) -> None:
    """Weights of segcert train bring all of it; a file of another kind or model may be there."""
    path = tmp_path / "net.safetensors"
    path.write_bytes(weights.read_bytes())
    (tmp_path / "net.toml").write_text("mean = [0.5, 0.5, 0.5]\nstd = [1, 1, 1]\n")
    with pytest.raises(InputError, match=r"net\.toml: mean, std is not read: net\.safetensors"):
        open_model(str(path))
    (tmp_path / "net.onnx").touch()  # whose sidecar it is
    assert open_model(str(path)).classes == 3
    (tmp_path / "net.onnx").unlink()
    (tmp_path / "net.toml").write_text("[tree]\nall = ['a', 'b']\n")
    assert open_model(str(path)).classes == 3


def test_programs_of_clouds_have_a_sidecar_without_what_is_of_images(tmp_path: Path) -> None:
    class Heights(torch.nn.Module):
        def forward(self, points: torch.Tensor) -> torch.Tensor:
            return points.transpose(1, 2)

    free = {0: torch.export.Dim("b"), 1: torch.export.Dim("n", min=4)}
    program = torch.export.export(Heights().eval(), (torch.rand(2, 8, 3),), dynamic_shapes=(free,))
    torch.export.save(program, tmp_path / "net.pt2")
    path = written(tmp_path, 'classes = ["x", "y", "z"]').with_suffix(".pt2")
    assert open_point_model(str(path)).class_names == ("x", "y", "z")
    written(tmp_path, "mean = [0, 0, 0]\nstd = [1, 1, 1]")
    with pytest.raises(InputError, match=r"net\.toml: mean is for models of images: take it out"):
        open_point_model(str(path))
