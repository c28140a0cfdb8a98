"""Networks of over 2 GiB; here the limit is lower, and the way through is the same."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from segcert.errors import InputError
from segcert.models.confined.stored import Stored, mapped
from segcert.models.files import large_onnx, onnx_files
from segcert.models.opening import open_foreign

BATCH = torch.rand(2, 3, 8, 12, generator=torch.Generator().manual_seed(0))


def written(folder: Path) -> Path:
    """A convolution and two shifts; its weights lie in a file beside it, but for the last."""
    rng = np.random.default_rng(0)
    weights = {
        "W": rng.normal(size=(2, 3, 1, 1)).astype(np.float32),
        "many": rng.normal(size=(64, 2)).astype(np.float32),
        "at": np.array([5]),
        "shape": np.array([1, 2, 1, 1]),
    }
    nodes = [
        helper.make_node("Conv", ["x", "W"], ["y"]),
        helper.make_node("Gather", ["many", "at"], ["row"]),
        helper.make_node("Reshape", ["row", "shape"], ["shift"]),
        helper.make_node("Add", ["y", "shift"], ["out"]),
    ]
    graph = helper.make_graph(
        nodes, "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["b", 3, "h", "w"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, ["b", 2, "h", "w"])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(
        model, folder / "net.onnx", save_as_external_data=True, location="net.data",
        size_threshold=17,
    )  # fmt: skip
    return folder / "net.onnx"


@pytest.fixture
def low(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_onnx, "LARGEST", 100)
    monkeypatch.setattr(large_onnx, "SMALL", 64)


@pytest.mark.usefixtures("low")
def test_it_is_the_same_network_with_the_same_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path)
    monkeypatch.setattr(large_onnx, "LARGEST", 1 << 20)
    small = open_foreign(path)
    monkeypatch.setattr(large_onnx, "LARGEST", 1000)
    asked: list[str] = []
    opening = onnx_files.open_program
    monkeypatch.setattr(
        onnx_files, "open_program",
        lambda kind, *given, **more: (asked.append(kind), opening(kind, *given, **more))[1],
    )  # fmt: skip
    large = open_foreign(path)
    assert asked == ["onnx-parts"]
    assert torch.equal(large.labels(BATCH), small.labels(BATCH))
    assert large.identity_sha256 == small.identity_sha256
    assert len(small.labels(BATCH).unique()) == 2


@pytest.mark.usefixtures("low")
def test_what_is_not_there_or_too_much_is_one_line(tmp_path: Path) -> None:
    path = written(tmp_path)
    with pytest.raises(InputError, match="over 2 GiB in small tensors: save its weights in one"):
        open_foreign(path)  # the network alone has more bytes than the limit here
    data = tmp_path / "net.data"
    whole = data.read_bytes()
    data.write_bytes(whole[:-200])
    with pytest.raises(InputError, match=r"is damaged: 'net\.data' is too short"):
        open_foreign(path)
    data.unlink()
    with pytest.raises(InputError, match=r"net\.data does not exist"):
        open_foreign(path)


def test_stored_contents_are_read_in_parts_and_mapped() -> None:
    stored = Stored()
    stored.write(b"abc")
    stored.write(memoryview(b"defg"))
    assert len(stored) == 7
    assert stored.part(2, 3) == b"cde"
    assert stored.part(5, 9) == b"fg"
    assert bytes(mapped(stored.handle)) == b"abcdefg"
