"""Exported programs: what runs, and that nothing else of a file does."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from foreign_models import MEAN, NAMES, STD, tiny, write_pt2, write_toml
from hostile_programs import Change, Runs, changed, in_graph
from torch import Tensor, nn

from segcert.errors import InputError
from segcert.models.files.exported_files import GRAPH, clean_archive
from segcert.models.opening import open_foreign
from segcert.models.wrapping import as_segmenter


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An exported network; not to be changed."""
    return write_pt2(tmp_path_factory.mktemp("exported") / "net.pt2", tiny())


def draws(count: int = 3) -> Tensor:
    return torch.rand(count, 3, 32, 48, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("batch", [None, 2])
@pytest.mark.parametrize(
    "wrap",
    [lambda s: s, lambda s: {"out": s, "aux": 2 * s}, lambda s: (s,)],
    ids=["tensor", "mapping", "tuple"],
)
def test_it_scores_as_the_network(
    tmp_path: Path, batch: int | None, wrap: Callable[[Tensor], Any]
) -> None:
    path = write_pt2(tmp_path / "net.pt2", tiny(wrap), batch=batch)
    write_toml(path, mean=MEAN, std=STD)
    found, direct = open_foreign(path), as_segmenter(tiny(), mean=MEAN, std=STD)
    pairs = [(one.output(draws()), one.labels(draws())) for one in (found, direct)]
    (scores, labels), (expected, true) = pairs
    if batch is None:
        assert torch.equal(scores, expected)
        assert torch.equal(labels, true)
    else:  # another size of batch may take other kernels of the CPU
        torch.testing.assert_close(scores, expected)
        assert (labels == true).float().mean() > 0.999


def test_gradients_are_those_of_the_network(path: Path) -> None:
    slopes = []
    for segmenter in (open_foreign(path), as_segmenter(tiny())):
        batch = draws().requires_grad_()
        slopes.append(torch.autograd.grad(segmenter.scores(batch).square().sum(), batch)[0])
    torch.testing.assert_close(*slopes)


def test_labels_need_the_names_of_the_classes(tmp_path: Path) -> None:
    def labels(scores: Tensor) -> Tensor:
        return nn.functional.interpolate(scores, scale_factor=2).argmax(1)

    path = write_pt2(tmp_path / "net.pt2", tiny(labels))
    assert open_foreign(path).classes is None
    write_toml(path, classes=NAMES)
    found = open_foreign(path)
    assert found.classes == 3
    assert torch.equal(found.labels(draws()), labels(tiny()(draws())).short())


def test_the_number_of_classes_is_read_off(path: Path) -> None:
    segmenter = open_foreign(path)
    assert (segmenter.classes, segmenter.class_names, segmenter.mean) == (3, (), ())
    assert segmenter.name == "net"


class Two(nn.Module):
    """Takes two inputs."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


def test_programs_that_take_something_else_are_refused(tmp_path: Path) -> None:
    for name, net, example in (
        ("two", Two(), (draws(), draws())),
        ("flat", nn.Linear(3, 3), (torch.rand(2, 3),)),
    ):
        path = tmp_path / f"{name}.pt2"
        torch.export.save(torch.export.export(net, example), path)
        with pytest.raises(InputError, match=rf"{name}\.pt2 must take one batch of images"):
            open_foreign(path)


def test_settings_of_checkpoints_are_refused(path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "net.pt2"
    copy.write_bytes(path.read_bytes())
    write_toml(copy, align_corners=True)
    with pytest.raises(InputError, match="align_corners is part of an exported program"):
        open_foreign(copy)


def pickled_weight(members: dict[str, bytes]) -> None:
    name = "net/data/weights/model_weights_config.json"
    config = json.loads(members[name])
    next(iter(config["config"].values()))["use_pickle"] = True
    members[name] = json.dumps(config).encode()


def opaque_object(members: dict[str, bytes]) -> None:
    entry = {"path_name": "opaque_obj_0", "is_param": False, "use_pickle": False}
    name = "net/data/constants/model_constants_config.json"
    members[name] = json.dumps({"config": {"x": entry}}).encode()


def set_target(graph: Any) -> None:
    graph["graph_module"]["graph"]["nodes"][0]["target"] = "torch.os.system"


def set_expression(graph: Any) -> None:
    value = next(iter(graph["graph_module"]["graph"]["sym_int_values"].values()))
    value["as_expr"]["expr_str"] = "__import__('os').system('true')"


def set_argument(graph: Any) -> None:
    call = graph["graph_module"]["module_call_graph"][0]["signature"]
    call["forward_arg_names"] = ["x=__import__('os')"]


def set_type(graph: Any) -> None:
    call = graph["graph_module"]["module_call_graph"][0]["signature"]
    call["out_spec"] = call["out_spec"].replace('"type": null', '"type": "os.system"')


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (pickled_weight, "holds a pickle, which could run code"),
        (opaque_object, "holds 'opaque_obj_0' at .*path_name, which is not known to be safe"),
        (lambda m: m.update({"net/data/aotinductor/model/x.so": b""}), "x.so', which could run"),
        (lambda m: m.update({"net/data/weights/model.pt": b""}), "model.pt', which could run"),
        (in_graph(set_target), "uses the operator 'torch.os.system', which is not on the list"),
        (in_graph(set_argument), "at .*forward_arg_names"),
        (in_graph(set_type), "os.system.*at .*out_spec"),
        (lambda m: m.pop(f"net/{GRAPH}"), "holds no exported program: export the network"),
        (lambda m: m.update({f"net/{GRAPH}": b"{"}), "is missing or no JSON"),
        (lambda m: m.pop("net/data/weights/weight_0"), r"cannot be loaded with torch \d"),
    ],
)
def test_what_could_run_code_is_refused(
    path: Path, tmp_path: Path, change: Change, said: str
) -> None:
    with pytest.raises(InputError, match=said):
        open_foreign(changed(path, tmp_path, change))


def test_expressions_are_refused(tmp_path: Path) -> None:
    def resized(scores: Tensor) -> Tensor:
        return nn.functional.interpolate(scores, size=[2 * side for side in scores.shape[2:]])

    path = write_pt2(tmp_path / "net.pt2", tiny(resized))
    assert open_foreign(path).output(draws()).shape == (3, 3, 32, 48)
    with pytest.raises(InputError, match=r"__import__.* at .*expr_str"):
        open_foreign(changed(path, tmp_path, in_graph(set_expression)))


def test_example_inputs_are_never_unpickled(path: Path, tmp_path: Path) -> None:
    """torch.export.load itself would run them; here the file opens, without."""
    mark = tmp_path / "mark"
    content = io.BytesIO()
    torch.save(Runs(f"touch {mark}"), content)

    def infect(members: dict[str, bytes]) -> None:
        members["net/data/sample_inputs/model.pt"] = content.getvalue()

    bad = changed(path, tmp_path, infect)
    assert torch.equal(open_foreign(bad).output(draws()), open_foreign(path).output(draws()))
    assert not mark.exists()
    with pytest.raises(Exception):  # noqa: B017, PT011
        torch.export.load(bad)
    assert mark.exists()  # the file is what it is said to be


def test_only_the_members_on_the_list_are_kept(path: Path, tmp_path: Path) -> None:
    infect = {"net/extra/notes": pickle.dumps(Runs("true"))}
    cleaned = clean_archive(changed(path, tmp_path, lambda members: members.update(infect)))
    with zipfile.ZipFile(io.BytesIO(cleaned.archive)) as archive:
        assert not [name for name in archive.namelist() if "notes" in name]
        assert archive.read("model/data/sample_inputs/model.pt") == b""
