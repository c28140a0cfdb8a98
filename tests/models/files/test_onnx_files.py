"""ONNX files: the scores of the network, weights beside the file, and what is refused."""

import builtins
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from foreign_models import MEAN, NAMES, STD, tiny, write_onnx, write_toml
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from segcert.errors import InputError, ModelError
from segcert.models.files.onnx_files import tensors_of
from segcert.models.opening import open_foreign
from segcert.models.wrapping import as_segmenter

LAST = np.random.default_rng(0).standard_normal((3, 3, 1, 1)).astype(np.float32)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network of ours as ONNX, its weights in a file beside it; not to be changed."""
    return write_onnx(tmp_path_factory.mktemp("onnx") / "net.onnx", tiny())


def draws(count: int = 3) -> Tensor:
    return torch.rand(count, 3, 32, 48, generator=torch.Generator().manual_seed(0))


def written(path: Path, *, outputs: tuple[str, ...] = ("scores",), labels: bool = False) -> Path:
    """A 1x1 convolution written by hand, each output twice the one before."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ("b", 3, "h", "w"))
    nodes = [helper.make_node("Conv", ["image", "kernel"], [outputs[0]])]
    for one, other in pairwise(outputs):
        nodes.append(helper.make_node("Add", [one, one], [other]))
    kind, ends = TensorProto.FLOAT, list(outputs)
    if labels:
        nodes.append(helper.make_node("ArgMax", [outputs[-1]], ["labels"], axis=1, keepdims=0))
        kind, ends = TensorProto.INT64, ["labels"]
    found = [helper.make_tensor_value_info(name, kind, None) for name in ends]
    kernel = numpy_helper.from_array(LAST, "kernel")
    return save(path, helper.make_graph(nodes, "g", [image], found, [kernel]))


def save(path: Path, graph: Any) -> Path:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


def by_hand(batch: Tensor) -> Tensor:
    return nn.functional.conv2d(batch, torch.from_numpy(LAST))


@pytest.mark.parametrize("batch", [None, 2])
def test_it_scores_as_the_network(tmp_path: Path, batch: int | None) -> None:
    path = write_onnx(tmp_path / "net.onnx", tiny(), batch=batch)
    write_toml(path, mean=MEAN, std=STD)
    found, direct = open_foreign(path), as_segmenter(tiny(), mean=MEAN, std=STD)
    torch.testing.assert_close(found.output(draws()), direct.output(draws()), atol=1e-5, rtol=1e-4)
    assert found.classes == 3


def test_the_size_is_free_where_the_file_leaves_it_free(path: Path) -> None:
    images = torch.rand(1, 3, 40, 33)
    with torch.inference_mode():
        direct = tiny()(images)
    torch.testing.assert_close(open_foreign(path).output(images), direct, atol=1e-5, rtol=1e-4)


def test_labels_need_the_names_of_the_classes(tmp_path: Path) -> None:
    path = written(tmp_path / "net.onnx", labels=True)
    assert open_foreign(path).classes is None
    write_toml(path, classes=NAMES)
    assert torch.equal(open_foreign(path).labels(draws()), by_hand(draws()).argmax(1).short())


def test_labels_with_an_axis_of_one_are_labels(tmp_path: Path) -> None:
    """As ArgMax with keepdims=1 gives them, which is its default: (b, 1, h, w)."""
    conv = helper.make_node("Conv", ["x", "w", "b"], ["scores"])
    best = helper.make_node("ArgMax", ["scores"], ["out"], axis=1, keepdims=1)
    weights = np.array([-1.0, 1.0], np.float32)[:, None, None, None].repeat(3, 1) / 3
    graph = helper.make_graph(
        [conv, best], "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, "h", "w"])],
        [helper.make_tensor_value_info("out", TensorProto.INT64, [1, 1, "h", "w"])],
        [numpy_helper.from_array(weights, "w"),
         numpy_helper.from_array(np.array([0.5, -0.5], np.float32), "b")],
    )  # fmt: skip
    path = save(tmp_path / "net.onnx", graph)
    images = draws(2)
    segmenter = open_foreign(path)
    with pytest.raises(ModelError, match=r'classes = \["one", "two"\], in its sidecar \(net\.toml'):
        segmenter.count_classes(segmenter.output(images))
    write_toml(path, classes=("dark", "bright"))
    labels = open_foreign(path).labels(images)
    assert torch.equal(labels, (images.mean(1) > 0.5).short())
    assert len(labels.unique()) == 2


def test_scores_are_found_by_name_among_outputs(tmp_path: Path) -> None:
    path = written(tmp_path / "net.onnx", outputs=("aux", "logits"))
    torch.testing.assert_close(open_foreign(path).output(draws()), 2 * by_hand(draws()))
    with pytest.raises(InputError, match="has the outputs one, two: call the scores 'logits'"):
        open_foreign(written(tmp_path / "net.onnx", outputs=("one", "two")))


def test_a_network_that_takes_no_images_is_refused(tmp_path: Path) -> None:
    line, out = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ("b", 3, "w")) for name in "xy"
    )
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [line], [out])
    with pytest.raises(InputError, match=r"must take one batch of images .* takes x tensor\(float"):
        open_foreign(save(tmp_path / "net.onnx", graph))


def test_there_is_no_gradient(path: Path) -> None:
    with pytest.raises(ModelError, match=r"net is an ONNX file, which has no gradient"):
        open_foreign(path).scores(draws().requires_grad_())


def test_weights_beside_the_file_count(path: Path, tmp_path: Path) -> None:
    copy, data = tmp_path / "net.onnx", tmp_path / "net.onnx.data"
    copy.write_bytes(path.read_bytes())
    content = (path.parent / data.name).read_bytes()
    data.write_bytes(content)
    known = open_foreign(copy)
    assert known.weights_sha256 == open_foreign(path).weights_sha256
    changed = bytearray(content)
    changed[3] ^= 0x40  # the exponent of the first weight
    data.write_bytes(changed)
    other = open_foreign(copy)
    assert other.weights_sha256 != known.weights_sha256
    assert not torch.equal(other.output(draws()), known.output(draws()))
    data.unlink()
    with pytest.raises(InputError, match=r"net\.onnx\.data does not exist"):
        open_foreign(copy)


@pytest.mark.parametrize("place", ["../secret", "/etc/hostname"])
def test_weights_outside_of_the_folder_are_refused(path: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "secret").write_bytes(bytes(10_000))
    folder = tmp_path / "folder"
    folder.mkdir()
    model = onnx.load(path, load_external_data=False)
    for tensor in tensors_of(model):
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = place
    (folder / "net.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(InputError, match=r"net\.onnx keeps weights in .*, not beside itself"):
        open_foreign(folder / "net.onnx")


def test_every_tensor_is_found() -> None:
    """In the graph, in attributes, and in the graphs within attributes."""
    tensor = numpy_helper.from_array(LAST, "t")
    inner = helper.make_graph([], "inner", [], [], [tensor])
    nodes = [
        helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner),
        helper.make_node("Constant", [], ["z"], value=tensor),
    ]
    model = helper.make_model(helper.make_graph(nodes, "g", [], [], [tensor]))
    assert [found.name for found in tensors_of(model)] == ["t"] * 4


@pytest.mark.parametrize("change", [lambda b: b[: len(b) // 2], lambda _: b"text", lambda _: b""])
def test_damaged_files_are_refused(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    path = written(tmp_path / "net.onnx")
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(InputError, match=r"net\.onnx (is damaged|cannot be run by ONNX Runtime)"):
        open_foreign(path)


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_package_is_named(
    path: Path, monkeypatch: pytest.MonkeyPatch, package: str
) -> None:
    found = builtins.__import__

    def missing(name: str, *arguments: Any, **options: Any) -> Any:
        if name == package:
            raise ImportError(name)
        return found(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(InputError, match=r"pip install 'segcert\[onnx\]'"):
        open_foreign(path)


@pytest.mark.parametrize(("opset", "version"), [(99, 8), (17, 99)])
def test_files_that_are_newer_than_onnx_runtime_are_said(
    tmp_path: Path, opset: int, version: int
) -> None:
    path = written(tmp_path / "net.onnx")
    model = onnx.load(path)
    model.opset_import[0].version, model.ir_version = opset, version
    onnx.save(model, path)
    with pytest.raises(InputError, match="newer than ONNX Runtime here: pip install -U") as caught:
        open_foreign(path)
    assert "\n" not in str(caught.value)
