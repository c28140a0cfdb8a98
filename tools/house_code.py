"""Read source files, without importing or running them: modules and functions."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

Definition = ast.FunctionDef | ast.AsyncFunctionDef
STORING = {"cls", "partial"}  # keep an argument for a function or class of ours


@dataclass(frozen=True)
class Module:
    """A source file."""

    name: str  # dotted
    file: str  # below the folder of the packages
    text: str
    tree: ast.Module

    @property
    def lines(self) -> int:
        """All of them."""
        return len(self.text.splitlines())

    def place(self, node: ast.AST) -> str:
        """File and line of a part."""
        return f"{self.file}:{getattr(node, 'lineno', 0)}"


@dataclass(frozen=True)
class Function:
    """A function or method, nested ones too; a command of the command line is one."""

    name: str  # dotted, with its module
    place: str
    node: Definition

    @property
    def lines(self) -> int:
        """Without decorators and docstring."""
        documented = ast.get_docstring(self.node, clean=False) is not None
        return extent(self.node) - (extent(self.node.body[0]) if documented else 0)

    @property
    def parameters(self) -> list[str]:
        """Names, without ``self`` and ``cls``."""
        given = self.node.args
        more = [one for one in (given.vararg, given.kwarg) if one]
        names = [one.arg for one in (*given.posonlyargs, *given.args, *given.kwonlyargs, *more)]
        return names[1:] if names[:1] in (["self"], ["cls"]) else names


def extent(node: ast.stmt) -> int:
    """Count the lines of a statement."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def read_modules(source: Path) -> list[Module]:
    """Read every package of a folder."""
    found = []
    for path in sorted(source.rglob("*.py")):
        file = path.relative_to(source)
        parts = file.with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text("utf-8")
        found.append(Module(name, file.as_posix(), text, ast.parse(text)))
    return found


def functions_of(module: Module) -> Iterator[Function]:
    """List the functions of a module, at any depth."""

    def within(node: ast.AST, prefix: str) -> Iterator[Function]:
        for child in ast.iter_child_nodes(node):
            name = prefix
            if isinstance(child, Definition | ast.ClassDef):
                name += f".{child.name}"
            if isinstance(child, Definition):
                yield Function(name, module.place(child), child)
            yield from within(child, name)

    return within(module.tree, module.name)


def public_names(module: Module) -> int:
    """Count ``__all__`` of a package at the top, or the ``PUBLIC`` it repeats; 0 for others."""
    found = [
        isinstance(name, ast.Constant)
        for node in module.tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("PUBLIC", "__all__")
        for name in getattr(node.value, "keys", getattr(node.value, "elts", ()))
    ]
    return sum(found) if "." not in module.name else 0


def defined_names(modules: list[Module]) -> set[str]:
    """Names of all functions and classes."""
    nodes = (node for module in modules for node in ast.walk(module.tree))
    return {node.name for node in nodes if isinstance(node, Definition | ast.ClassDef)}


def named_types(modules: list[Module]) -> set[str]:
    """Names that modules give to types by an assignment, and whatever else they assign."""
    nodes = (node for module in modules for node in module.tree.body)
    targets = (one for node in nodes if isinstance(node, ast.Assign) for one in node.targets)
    return {one.id for one in targets if isinstance(one, ast.Name)}


def only_hands_on(function: Function, name: str, ours: set[str]) -> bool:
    """Tell whether a parameter is used, and only as an argument of functions or classes of ours.

    These are told by their last name alone; ``x.to(device)`` is taken for an operation on a tensor.
    """
    loads = handed = 0
    for node in ast.walk(ast.Module(function.node.body, [])):
        loads += isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
        if isinstance(node, ast.Call) and last_name(node.func) in (ours | STORING) - {"to"}:
            values = [*node.args, *(keyword.value for keyword in node.keywords)]
            handed += sum(isinstance(one, ast.Name) and one.id == name for one in values)
    return 0 < loads == handed


def last_name(node: ast.expr) -> str:
    """``c`` of ``a.b.c``; nothing of what is no name."""
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
