"""Find circles of imports: modules each of which imports all others, perhaps by way of others.

Imports within functions count. Those for type checkers only do not, nor do the packages above a
module, which Python imports with it, nor modules that are imported by a string.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from house_code import Module


@dataclass(frozen=True)
class Import:
    """A module imports another."""

    module: str
    imported: str
    place: str


def find_imports(modules: list[Module]) -> list[Import]:
    """List what modules import of each other, each statement once."""
    known = {module.name for module in modules}
    found = (one for module in modules for one in imports_of(module, known))
    return list(dict.fromkeys(found))


def imports_of(module: Module, known: set[str]) -> Iterator[Import]:
    """List what one module imports of the known ones."""
    inside = module.file.endswith("__init__.py")
    package = module.name if inside else module.name.rpartition(".")[0]
    for node in runtime_nodes(module.tree):
        for name in imported_names(node, package):
            target = name if name in known else name.rpartition(".")[0]
            if target in known and target != module.name:
                yield Import(module.name, target, module.place(node))


def runtime_nodes(node: ast.AST) -> Iterator[ast.AST]:
    """Walk through a tree, but not into what only type checkers read."""
    yield node
    children = ast.iter_child_nodes(node)
    if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
        children = iter(node.orelse)
    for child in children:
        yield from runtime_nodes(child)


def imported_names(node: ast.AST, package: str) -> list[str]:
    """Dotted names that an import asks for: modules, or what is in them."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    above = package.split(".")
    parts = above[: len(above) + 1 - node.level] if node.level else []
    base = ".".join([*parts, *([node.module] if node.module else [])])
    return [f"{base}.{alias.name}" for alias in node.names]


def circles(imports: Iterable[Import]) -> list[list[str]]:
    """Find the strongly connected sets of two modules or more."""
    ahead: dict[str, set[str]] = {}
    for one in imports:
        ahead.setdefault(one.module, set()).add(one.imported)
    reach = {name: reachable(name, ahead) for name in ahead}
    found = {
        tuple(sorted(other for other in names if name in reach.get(other, ())))
        for name, names in reach.items()
        if name in names
    }
    return sorted(map(list, found))


def reachable(start: str, ahead: dict[str, set[str]]) -> set[str]:
    """All that can be reached in one step or more."""
    found: set[str] = set()
    todo = [start]
    while todo:
        new = ahead.get(todo.pop(), set()) - found
        found |= new
        todo += new
    return found
