"""Exported programs with something in them that does harm, for the tests that open them."""

import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

GRAPH = "models/model.json"
Change = Callable[[dict[str, bytes]], None]


class Runs:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (self.command,)


class NoGrad(nn.Module):
    """A network with a graph within its graph."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            y = self.conv(x)
        return y * 2


def changed(path: Path, folder: Path, change: Change, name: str = "bad.pt2") -> Path:
    """Rewrite an archive with some members changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    other = folder / name
    with zipfile.ZipFile(other, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return other


def in_graph(change: Callable[[Any], None]) -> Change:
    """A change of the description of the program."""

    def whole(members: dict[str, bytes]) -> None:
        (name,) = [name for name in members if name.endswith(GRAPH)]
        graph = json.loads(members[name])
        change(graph)
        members[name] = json.dumps(graph).encode()

    return whole


def nodes(graph: Any) -> list[Any]:
    """The calls of a program."""
    found: list[Any] = graph["graph_module"]["graph"]["nodes"]
    return found


def nested(graph: Any) -> Any:
    """The first call of a graph within the graph."""
    return next(node for node in nodes(graph) if "higher_order" in node["target"])


def calls(target: str, *arguments: dict[str, Any]) -> Change:
    """Let the nested call take an operator by name in the place of its graph."""

    def swap(graph: Any) -> None:
        node = nested(graph)
        node["inputs"] = [
            {"name": "", "arg": argument, "kind": 1}
            for argument in ({"as_bool": True}, {"as_operator": target}, *arguments)
        ]

    return in_graph(swap)


def first_key(text: str) -> Change:
    """Call the keywords of the program so; the names become code."""

    def swap(graph: Any) -> None:
        signature = graph["graph_module"]["module_call_graph"][0]["signature"]
        spec = json.loads(signature["in_spec"])
        leaf = {"type": None, "context": None, "children_spec": []}
        spec[1]["children_spec"][0]["children_spec"] = []
        spec[1]["children_spec"][1] |= {"context": json.dumps([text]), "children_spec": [leaf]}
        signature["in_spec"] = json.dumps(spec)

    return in_graph(swap)


def guard(text: str) -> Change:
    """Add a guard."""
    return in_graph(lambda graph: graph["guards_code"].append(text))


def expression(text: str) -> Change:
    """Write an expression in the place of the first size that is not fixed."""

    def swap(graph: Any) -> None:
        sizes = [
            size
            for value in graph["graph_module"]["graph"]["tensor_values"].values()
            for size in value["sizes"]
            if "as_expr" in size
        ]
        sizes[0]["as_expr"]["expr_str"] = text

    return in_graph(swap)


def target(text: str) -> Change:
    """Let the first call be of this."""
    return in_graph(lambda graph: nodes(graph)[0].update(target=text))


def named(text: str) -> Change:
    """Call the result of the first call so, wherever it is used."""

    def whole(members: dict[str, bytes]) -> None:
        (name,) = [name for name in members if name.endswith(GRAPH)]
        graph = json.loads(members[name])
        old = nodes(graph)[0]["outputs"][0]["as_tensor"]["name"]
        members[name] = members[name].replace(json.dumps(old).encode(), json.dumps(text).encode())

    return whole
