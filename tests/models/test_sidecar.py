"""Sidecars: what they say, and one line for each way in which they are wrong."""

from pathlib import Path

import pytest

from segcert.errors import InputError
from segcert.models.sidecar import Sidecar, read_sidecar, sidecar_path


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
