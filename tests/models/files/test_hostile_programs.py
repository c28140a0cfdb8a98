"""Exported programs made to do harm: each is refused in one line, and would do it in PyTorch."""

import contextlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from foreign_models import free_sizes
from hostile_programs import (
    Change,
    NoGrad,
    calls,
    changed,
    expression,
    first_key,
    guard,
    in_graph,
    named,
    nested,
    nodes,
    target,
)

from segcert.errors import InputError
from segcert.models.denoisers import open_denoiser
from segcert.models.files.exported_operators import OPERATORS, schema_of
from segcert.models.opening import open_foreign
from segcert.models.opening_points import open_point_model


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program with a graph in its graph; not to be changed."""
    path = tmp_path_factory.mktemp("nested") / "net.pt2"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = NoGrad().eval()
    torch.export.save(
        torch.export.export(net, (torch.rand(2, 3, 32, 48),), dynamic_shapes=(free_sizes(),)), path
    )
    return path


def text(value: str) -> dict[str, Any]:
    return {"as_string": value}


def writes(mark: Path) -> Change:
    """Map a file that need not be there, of a size of the attacker's choice."""
    return calls(
        "torch.ops.aten.from_file.default", text(str(mark)), {"as_bool": True}, {"as_int": 64}
    )


def runs(mark: Path) -> str:
    return f"__import__('os').mkdir({str(mark)!r})"


HARMFUL: dict[str, Callable[[Path], Change]] = {
    "an operator as argument that writes a file": writes,
    "a guard that is code": lambda mark: guard(f"{runs(mark)} is None"),
    "an expression that is code": lambda mark: expression(f"{runs(mark)} or 3"),
}


@pytest.mark.parametrize("kind", HARMFUL)
def test_harm_is_refused_and_done_by_pytorch_alone(path: Path, tmp_path: Path, kind: str) -> None:
    mark = tmp_path / "mark"
    bad = changed(path, tmp_path, HARMFUL[kind](mark))
    for opens in (
        open_foreign,
        lambda given: open_denoiser(str(given)),
        lambda given: open_point_model(str(given)),
    ):
        with pytest.raises(InputError) as caught:
            opens(bad)
        assert "\n" not in str(caught.value)
        assert not mark.exists()
    with contextlib.suppress(Exception):  # after the harm is done
        torch.export.load(bad).module()(torch.rand(2, 3, 32, 48))
    assert mark.exists()


def as_argument(name: str) -> Change:
    return calls(name, text("/nowhere/mark"))


def deeper(graph: Any) -> None:
    """Put the nested call into itself four times."""
    node = nested(graph)
    for _ in range(4):
        inner = json.loads(json.dumps(node))
        inside = next(one["arg"]["as_graph"] for one in node["inputs"] if "as_graph" in one["arg"])
        inside["graph"]["nodes"].append(inner)
        node = inside["graph"]["nodes"][-1]


def text_for_a_number(graph: Any) -> None:
    nodes(graph)[-1]["inputs"][-1]["arg"] = {"as_string": "2"}


def unknown_argument(graph: Any) -> None:
    nodes(graph)[-1]["inputs"][-1]["name"] = "filename"


def graph_for_a_tensor(graph: Any) -> None:
    inside = next(one for one in nested(graph)["inputs"] if "as_graph" in one["arg"])
    nodes(graph)[-1]["inputs"][0]["arg"] = inside["arg"]


def swapped_arguments(graph: Any) -> None:
    nested(graph)["inputs"].reverse()


def with_field(graph: Any) -> None:
    nodes(graph)[0]["shellcode"] = "true"


def with_empty_field(graph: Any) -> None:
    nodes(graph)[0]["something_new"] = None


def with_object(graph: Any) -> None:
    graph["graph_module"]["graph"]["custom_obj_values"] = {"a": {"name": "a", "class_fqn": "b"}}


def weight_named(name: str) -> Change:
    def swap(graph: Any) -> None:
        specs = graph["graph_module"]["signature"]["input_specs"]
        next(one["parameter"] for one in specs if "parameter" in one)["parameter_name"] = name

    return in_graph(swap)


def powers(count: int) -> Callable[[Any], None]:
    """Square a size again and again: the number doubles its digits each time."""

    def swap(graph: Any) -> None:
        inside = graph["graph_module"]["graph"]
        for number in range(count):
            given: list[dict[str, Any]] = (
                [{"as_int": 1 << 60}] * 2
                if not number
                else [{"as_sym_int": {"as_name": f"square_{number - 1}"}}] * 2
            )
            inside["sym_int_values"][f"square_{number}"] = {"as_int": 4}
            inside["nodes"].insert(
                number,
                {
                    "target": "_operator.mul",
                    "inputs": [{"name": "a", "arg": one, "kind": 1} for one in given],
                    "outputs": [{"as_sym_int": {"as_name": f"square_{number}"}}],
                    "metadata": {},
                },
            )

    return swap


REFUSED: dict[str, tuple[Change, str]] = {
    "as_operator": (as_argument("torch.os.system"), "as_operator"),
    "as_operator of ATen": (as_argument("torch.ops.aten.relu.default"), "as_operator"),
    "from_file": (
        target("torch.ops.aten.from_file.default"),
        r"the operator 'torch\.ops\.aten\.from_file\.default', which is not on the list",
    ),
    "save": (target("torch.ops.aten.save.default"), r"aten\.save\.default', which is not on"),
    "system": (target("torch.os.system"), r"torch\.os\.system', which is not on the list"),
    "a packet": (target("torch.ops.aten.relu"), r"aten\.relu', which is not on the list"),
    "an extension": (target("#aoti:x"), "is not on the list"),
    "another namespace": (target("torch.ops.prims.device_put.default"), "is not on the list"),
    "cond": (target("torch.ops.higher_order.cond"), "is not on the list"),
    "text for a number": (in_graph(text_for_a_number), "as as_string, it takes no text"),
    "an unknown argument": (in_graph(unknown_argument), "filename.*has no such argument"),
    "a graph for a tensor": (in_graph(graph_for_a_tensor), "it takes no graph"),
    "another order": (in_graph(swapped_arguments), "belongs there"),
    "too deep": (in_graph(deeper), "nests graphs more than 3 deep"),
    "an unknown field": (in_graph(with_field), "uses 'shellcode'.*not known to be safe"),
    "an object": (in_graph(with_object), "custom_obj_values"),
    "a weight that is a method": (weight_named("forward"), "no name of a weight"),
    "a weight of a class": (weight_named("__class__.weight"), "no name of a weight"),
    "a tower of powers": (expression("9**9**9**9"), "an exponent that is no number"),
    "a large power": (expression("Pow(Integer(9), Integer(99999999))"), "number of .* bits"),
    "a power of a size": (expression("Pow(Integer(9), Symbol('s0'))"), "exponent that is no"),
    "a long expression": (expression("+".join(["s0"] * 9999)), "it has .* characters"),
    "a deep expression": (expression("-" * 9999 + "s0"), "too deep|no expression"),
    "a class": (expression("().__class__"), "expr_str"),
    "a function": (expression("exec('x')"), "it calls 'exec'"),
    "a lambda": (expression("(lambda: 0)()"), "it calls"),
    "a text": (expression("Integer('a b')"), "Integer of 'a b'"),
    "squares of squares": (in_graph(powers(40)), "could become a number of .* bits"),
    "keywords that are code": (first_key("x':exec('0'),'y"), "no plain name"),
    "a name that is code": (named("y = exec('0'); z"), "no plain name"),
    "a dot in a name": (named("torch.load"), "no plain name"),
    "a keyword": (named("import"), "no plain name"),
    "a guard about strides": (guard("L['x'].stride()[0] == 1"), "stride"),
    "a guard that calls": (guard("L['x'].size().__len__() == 4"), "__len__"),
    "a guard with a tower": (guard("9**9**9**9 > 0"), r"9 \*\* 9"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_on_the_lists_is_refused_in_one_line(
    path: Path, tmp_path: Path, kind: str
) -> None:
    change, said = REFUSED[kind]
    with pytest.raises(InputError) as caught:
        open_foreign(changed(path, tmp_path, change))
    assert re.search(said, str(caught.value)), caught.value
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_fields_of_newer_versions_that_say_nothing_are_dropped(path: Path, tmp_path: Path) -> None:
    images = torch.rand(2, 3, 32, 48)
    newer = open_foreign(changed(path, tmp_path, in_graph(with_empty_field)))
    assert torch.equal(newer.output(images), open_foreign(path).output(images))


def test_listed_operators_are_overloads_of_aten_without_files() -> None:
    """An argument that is text is a way of rounding or the like, in each of these."""
    texts = {
        "assert_msg", "padding", "rounding_mode", "equation", "norm", "approximate", "indexing",
        "mode", "interpolation", "reduce", "side",
    }  # fmt: skip
    for operator in OPERATORS:
        types = schema_of(operator)
        assert {name for name, kind in types.items() if "str" in kind} <= texts
        assert not any("Storage" in kind or "Stream" in kind for kind in types.values())
    for unsafe in ("from_file.default", "save.default", "set_.source_Storage", "data_ptr.default"):
        assert f"torch.ops.aten.{unsafe}" not in OPERATORS


@pytest.mark.parametrize("kind", ["pipe", "folder", "device"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str) -> None:
    bad = tmp_path / "net.pt2"
    if kind == "pipe":
        os.mkfifo(bad)
    elif kind == "folder":
        bad.mkdir()
    else:
        bad.symlink_to("/dev/zero")
    with pytest.raises(InputError):
        open_denoiser(str(bad))
    with pytest.raises(InputError):
        open_point_model(str(bad))
    with pytest.raises(InputError):
        open_foreign(bad)
