"""Which names are paths, and of what."""

from pathlib import Path

import pytest

from segcert.errors import InputError
from segcert.models.files.sidecar import sidecar_path
from segcert.models.opening import (
    is_foreign,
    is_path,
    kind_of,
    open_foreign,
    where_to_normalise,
)
from segcert.models.shipped import find, foreign_path, open_model


@pytest.mark.parametrize(
    ("name", "path", "foreign"),
    [
        ("camvid", False, False),
        ("", False, False),
        ("net.safetensors", True, False),
        ("net.pth", True, True),
        ("net.pt", True, True),
        ("net.ckpt", True, True),
        ("net.pth.tar", True, True),
        ("net.pt2", True, True),
        ("net.onnx", True, True),
        ("./here/camvid", True, False),
        ("folder", True, True),
    ],
)
def test_names_paths_and_folders_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, path: bool, foreign: bool
) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    assert is_path(name) == path
    if path:
        assert find(name) == Path(name)
        assert is_foreign(Path(name)) == foreign
    assert foreign_path(name) == (Path(name) if foreign else None)


def test_a_shipped_name_wins_over_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "camvid").mkdir()
    monkeypatch.chdir(tmp_path)
    assert open_model("camvid").class_names
    assert foreign_path("camvid") is None


def test_kinds_are_said(tmp_path: Path) -> None:
    assert kind_of(tmp_path) == "Hugging Face folder"
    assert kind_of(Path("net.pt")) == "HRNetV2 checkpoint"
    assert kind_of(Path("net.pt2")) == "exported program"


def test_where_mean_and_std_would_be(tmp_path: Path) -> None:
    assert where_to_normalise(tmp_path / "net.pth") == ""
    assert where_to_normalise(tmp_path / "net.onnx") == str(tmp_path / "net.toml")
    assert where_to_normalise(tmp_path) == str(tmp_path / "preprocessor_config.json")
    (tmp_path / "net.toml").touch()
    assert where_to_normalise(tmp_path / "net.pt2") == ""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("net.h5", "tf2onnx"), ("net.keras", "tf2onnx"), ("net.xml", "ONNX"),
        ("net.engine", "ONNX file that it was made from"), ("net.pkl", "module.py:make"),
        ("pytorch_model.bin", r"torch\.export\.save"), ("net.zip", "unpack"),
        ("./net.yaml", "name the file with the weights"),
    ],
)  # fmt: skip
def test_formats_that_are_not_read_have_a_way_out(name: str, said: str) -> None:
    with pytest.raises(InputError, match=rf"model \S+: files \.\w+ are not read: .*{said}"):
        find(name)


def test_checkpoints_have_one_sidecar_whatever_they_end_in() -> None:
    for name in ("net.pth", "net.ckpt", "net.pth.tar"):
        assert sidecar_path(Path(name)) == Path("net.toml")


@pytest.mark.parametrize(
    "name", ["net.pth", "net.pt", "net.ckpt", "net.pth.tar", "net.pt2", "net.onnx"]
)
def test_missing_files_are_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=rf"{name} does not exist"):
        open_foreign(tmp_path / name)
