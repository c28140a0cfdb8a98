"""ONNX files and Hugging Face folders that point elsewhere: nothing else is opened or asked."""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from foreign_models import segformer, tiny, write_folder, write_onnx

from segcert.errors import InputError
from segcert.models.files.hugging_face_config import check_config
from segcert.models.opening import open_foreign


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Any:
    onnx = pytest.importorskip("onnx")
    return onnx.load(write_onnx(tmp_path_factory.mktemp("onnx") / "net.onnx", tiny()))


def elsewhere(network: Any, folder: Path, *places: tuple[str, str]) -> Path:
    """Write a network whose first weight lies in another file, as its entries say."""
    onnx = pytest.importorskip("onnx")
    copy = onnx.ModelProto()
    copy.CopyFrom(network)
    tensor = copy.graph.initializer[0]
    content = onnx.numpy_helper.to_array(tensor).tobytes()
    (folder / "net.onnx.data").write_bytes(content)
    tensor.ClearField("raw_data")
    tensor.ClearField("float_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in places:
        entry = tensor.external_data.add()
        entry.key, entry.value = key, value
    path = folder / "net.onnx"
    path.write_bytes(copy.SerializeToString())
    return path


def test_weights_beside_a_network_are_read(network: Any, tmp_path: Path) -> None:
    path = elsewhere(network, tmp_path, ("location", "net.onnx.data"))
    images = torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(0))
    scores = open_foreign(path).output(images)
    np.testing.assert_allclose(scores, tiny()(images).detach(), atol=1e-5)
    before = open_foreign(path).weights_sha256
    content = (tmp_path / "net.onnx.data").read_bytes()
    (tmp_path / "net.onnx.data").write_bytes(content[::-1])
    assert open_foreign(path).weights_sha256 != before


@pytest.mark.parametrize(
    ("places", "said"),
    [
        ([("location", "/etc/passwd"), ("location", "net.onnx.data")], "must lie in one file"),
        ([("location", "net.onnx.data"), ("location", "/etc/passwd")], "must lie in one file"),
        ([("location", "/etc/passwd")], "not beside itself"),
        ([("location", "/dev/zero")], "not beside itself"),
        ([("location", "../net.onnx.data")], "not beside itself"),
        ([("location", "inner/net.onnx.data")], "not beside itself"),
        ([("location", "./net.onnx.data")], "not beside itself"),
        ([("location", "..")], "not beside itself"),
        ([("location", "")], "not beside itself"),
        ([("location", "link")], "is a link"),
        ([("location", "pipe")], "is a pipe"),
        ([("location", "missing")], "does not exist"),
        ([("location", "net.onnx.data"), ("offset", "-9")], "too short"),
        ([("location", "net.onnx.data"), ("length", "99999999999")], "too short"),
        ([("location", "net.onnx.data"), ("length", "9**9")], "damaged"),
        ([("offset", "0")], "must lie in one file"),
        ([("location", "net.onnx.data"), ("run", "true")], "must lie in one file"),
    ],
)
def test_weights_elsewhere_are_refused(
    network: Any, tmp_path: Path, places: list[tuple[str, str]], said: str
) -> None:
    (tmp_path / "link").symlink_to("/etc/passwd")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=said) as caught:
        open_foreign(elsewhere(network, tmp_path, *places))
    assert "\n" not in str(caught.value)
    assert "root:" not in str(caught.value)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers")
    return write_folder(tmp_path_factory.mktemp("hf") / "net", segformer())


def copied(folder: Path, to: Path) -> Path:
    to.mkdir()
    for file in folder.iterdir():
        (to / file.name).write_bytes(file.read_bytes())
    return to


def in_shards(folder: Path, to: Path, place: Callable[[Path], str]) -> Path:
    """A copy whose weights are named by an index."""
    copied(folder, to)
    weights = to / "model.safetensors"
    shard = to / "model-00001-of-00001.safetensors"
    weights.rename(shard)
    names = safetensors.torch.load_file(shard)
    index = {"metadata": {"total_size": 1}, "weight_map": dict.fromkeys(names, place(shard))}
    (to / "model.safetensors.index.json").write_text(json.dumps(index))
    return to


def test_an_index_names_files_of_the_folder_only(folder: Path, tmp_path: Path) -> None:
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    good = in_shards(folder, tmp_path / "good", lambda shard: shard.name)
    assert torch.equal(open_foreign(good).output(images), open_foreign(folder).output(images))
    outside = tmp_path / "outside.safetensors"
    outside.write_bytes((folder / "model.safetensors").read_bytes())
    for number, place in enumerate(("../outside.safetensors", str(outside), "model.bin", "")):
        bad = in_shards(folder, tmp_path / f"bad{number}", lambda _, place=place: place)
        with pytest.raises(InputError, match=r"no \.safetensors file beside it"):
            open_foreign(bad)


def test_the_index_is_part_of_the_identity(folder: Path, tmp_path: Path) -> None:
    path = in_shards(folder, tmp_path / "net", lambda shard: shard.name)
    before = open_foreign(path).weights_sha256
    index = path / "model.safetensors.index.json"
    index.write_text(index.read_text().replace('"total_size": 1', '"total_size": 2'))
    assert open_foreign(path).weights_sha256 != before


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("use_pretrained_backbone", True), ("backbone", "microsoft/resnet-50"),
        ("backbone", "resnet50"), ("trust_remote_code", True),
        ("quantization_config", {"quant_method": "bitsandbytes"}),
        ("_attn_implementation", "someone/kernel"), ("attn_implementation", "flash_attention_2"),
        ("attn_implementation", {"decoder": "someone/kernel"}), ("use_kernels", True),
        ("transformers_weights", "../other.safetensors"), ("dtype", "os"),
        ("torch_dtype", "load"), ("inner", {"deeper": [{"use_kernels": True}]}),
    ],
)  # fmt: skip
def test_keys_that_fetch_or_run_are_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, value: object
) -> None:
    bad = copied(folder, tmp_path / "net")
    config = json.loads((bad / "config.json").read_text())
    (bad / "config.json").write_text(json.dumps(config | {key: value}))

    def asked(*_: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", asked)
    monkeypatch.setattr(socket, "getaddrinfo", asked)
    with pytest.raises(InputError, match=r"in its config\.json is") as caught:
        open_foreign(bad)
    assert "\n" not in str(caught.value)


def test_ordinary_configurations_pass() -> None:
    check_config(
        {
            "model_type": "upernet", "backbone": None, "use_pretrained_backbone": False,
            "id2label": {"0": "auto_map"}, "dtype": "float32", "attn_implementation": "sdpa",
            "backbone_config": {"model_type": "timm_backbone", "backbone": "resnet50"},
            "use_timm_backbone": False, "backbone_kwargs": None, "auto_map": None,
        },
        Path("net"),
    )  # fmt: skip
    deep: dict[str, Any] = {}
    for _ in range(30):
        deep = {"a": deep}
    with pytest.raises(InputError, match="nested more than 20 deep"):
        check_config(deep, Path("net"))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "preprocessor_config.json"])
def test_pipes_in_a_folder_are_refused(folder: Path, tmp_path: Path, name: str) -> None:
    bad = copied(folder, tmp_path / "net")
    (bad / name).unlink(missing_ok=True)
    os.mkfifo(bad / name)
    with pytest.raises(InputError, match="is a pipe"):
        open_foreign(bad)
