"""Class trees of data sets, shipped as data, and how to read a tree of one's own.

A hierarchy is a TOML file: ``classes``, the names of the model's classes in its order, and a table
``[groups]`` with the members of each group, which are classes or other groups. The group that is
nobody's member is the root.
"""

import tomllib
from importlib.resources import files
from pathlib import Path

from segcert.errors import InputError
from segcert.files import LONGEST_TEXT, read_regular
from segcert.stats.class_tree import ClassTree
from segcert.text import one_line

Groups = dict[str, list[str]]


def hierarchies() -> dict[str, Path]:
    """Names and files of the shipped hierarchies."""
    folder = Path(str(files("segcert.certificates") / "hierarchies"))
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}


def open_hierarchy(name: str) -> ClassTree:
    """Read a shipped hierarchy by name, or the file of another one.

    Args:
        name: ``"camvid"``, ``"cityscapes"``, ``"pascal_context"``, or path of a ``.toml`` file.

    Raises:
        InputError: If there is no such hierarchy, or its file describes no tree.
    """
    path = find(name)
    try:
        content = read_regular(path, what="hierarchy", most=LONGEST_TEXT)
        table = tomllib.loads(content.decode("utf-8"))
    except InputError:
        raise
    except (ValueError, RecursionError) as error:  # of tomllib and UTF-8
        raise InputError(f"{path} cannot be read as a hierarchy: {one_line(error)}") from error
    try:
        return tree_of(*parse(table))
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def find(name: str) -> Path:
    """Find the file of a hierarchy.

    Raises:
        InputError: If there is no such hierarchy.
    """
    known = hierarchies()
    if name in known:
        return known[name]
    if name.endswith(".toml") or "/" in name:
        return Path(name)
    raise InputError(
        f"unknown hierarchy {name!r}: choose one of {', '.join(known)}, "
        "or give the path of a .toml file"
    )


def check_class_names(tree: ClassTree, class_names: tuple[str, ...]) -> None:
    """Refuse a tree whose leaves are not the classes of the model, in its order.

    Raises:
        InputError: With the first difference.
    """
    leaves = tree.names[: tree.classes]
    if len(leaves) != len(class_names):
        raise InputError(
            f"the hierarchy has {len(leaves)} classes, the model has {len(class_names)}"
        )
    for number, (leaf, name) in enumerate(zip(leaves, class_names, strict=True)):
        if leaf != name:
            raise InputError(
                f"class {number} is {leaf!r} in the hierarchy and {name!r} in the model: "
                "list the classes in the order of the model"
            )


def parse(table: dict[str, object]) -> tuple[list[str], Groups]:
    """Take classes and groups from what a TOML file says.

    Raises:
        InputError: If there is anything else, or of another type.
    """
    if set(table) != {"classes", "groups"}:
        raise InputError(f"needs exactly classes and [groups], got {sorted(table)}")
    classes, groups = table["classes"], table["groups"]
    if not isinstance(groups, dict):
        raise InputError("groups must be a table")
    for name, members in {"classes": classes, **groups}.items():
        if not isinstance(members, list) or not all(isinstance(one, str) for one in members):
            raise InputError(f"{name} must be a list of names")
    assert isinstance(classes, list)  # seen by the loop
    return classes, groups


def tree_of(classes: list[str], groups: Groups) -> ClassTree:
    """Number the nodes: classes in their order, then the groups, each after its members.

    Raises:
        InputError: If the groups form no tree over the classes.
    """
    holder = holders(classes, groups)
    roots = [group for group in groups if group not in holder]
    if len(roots) != 1:
        raise InputError(f"exactly one group must be no member of another one, got {roots}")
    downwards = list(roots)
    for group in downwards:  # grows while it is read
        downwards += [member for member in groups[group] if member in groups]
    if len(downwards) < len(groups):
        raise InputError(f"groups hold each other: {sorted(set(groups) - set(downwards))}")
    names = [*classes, *reversed(downwards)]
    parents = [names.index(holder.get(name, name)) for name in names]
    return ClassTree(tuple(names), tuple(parents))


def holders(classes: list[str], groups: Groups) -> dict[str, str]:
    """Map each class or group to the group that holds it.

    Raises:
        InputError: If a member does not exist or is in two groups, or a class in none.
    """
    holder: dict[str, str] = {}
    for group, members in groups.items():
        if group in classes:
            raise InputError(f"{group!r} is a class and a group")
        for member in members:
            if member not in classes and member not in groups:
                raise InputError(f"{group!r} holds {member!r}, which is no class and no group")
            if member in holder:
                raise InputError(f"{member!r} is in {holder[member]!r} and in {group!r}")
            holder[member] = group
    alone = [name for name in classes if name not in holder]
    if alone:
        raise InputError(f"classes in no group: {', '.join(alone)}")
    return holder
