"""Rewrite a ``.pt2`` archive so that loading it runs no code but that of known operators.

``torch.export.load`` unpickles (example inputs, weights marked as pickles, custom objects),
evaluates expressions of sizes, compiles guards, and calls any attribute of ``torch`` that the
file names, such as ``torch.os.system``. So nothing of a file reaches it but: raw tensors, and a
graph whose operators, expressions and names are on the lists below. Example inputs, guards and
metadata are dropped.
"""

import io
import json
import re
import zipfile
from pathlib import Path
from textwrap import shorten
from typing import Any

from segcert.errors import InputError
from segcert.models.weights_files import check_stored
from segcert.text import one_line

GRAPH = "models/model.json"
EXAMPLES = "data/sample_inputs/model.pt"
CONFIGS = ("data/weights/model_weights_config.json", "data/constants/model_constants_config.json")
KEPT = re.compile(
    r"data/weights/weight_\d+|data/constants/tensor_\d+|archive_format|archive_version|byteorder"
    r"|\.data/(version|serialization_id)"
)
TENSOR = re.compile(r"(weight|tensor)_\d+")  # other names stand for pickled objects
OPERATOR = re.compile(
    r"torch\.ops\.aten\.(?!from_file\.)\w+\.\w+"
    r"|torch\.ops\.higher_order\.wrap_with_(set_grad_enabled|autocast)"
    r"|_operator\.(getitem|add|sub|mul|floordiv|truediv|mod|neg|pow|eq|ne|lt|le|gt|ge|and_|or_)"
    r"|torch\.sym_(int|float|max|min|not|ite|sum)"
    r"|math\.(ceil|floor|trunc)"
)
FUNCTIONS = (
    "Symbol|Integer|Float|Rational|Add|Mul|Pow|Mod|Max|Min|FloorDiv|CleanDiv|CeilDiv|PythonMod"
    "|ModularIndexing|Where|CeilToInt|FloorToInt|TruncToInt|IntTrueDiv|FloatTrueDiv|ToFloat"
    "|PowByNatural|RoundToInt|Eq|Ne|Equality|Unequality|GreaterThan|StrictGreaterThan|LessThan"
    "|StrictLessThan|And|Or|Not|positive|nonnegative|nonzero|integer|precision|True|False|true|false"
)
EXPRESSION = re.compile(rf"('\w*'|\d+(\.\d+)?|\b({FUNCTIONS})\b|\b[suz]\d+\b|[\s(),=+\-*/<>!])*")
NAME = re.compile(r"[\w.+\-]*")
CONTAINERS = (None, "builtins.tuple", "builtins.list", "builtins.dict")
ADVICE = (
    "export the network with torch.export.save, in eval mode, or open its weights in Python with "
    "as_segmenter"
)


def clean_archive(path: Path) -> io.BytesIO:
    """Read an archive of ``torch.export.save`` and rewrite what is safe.

    Raises:
        InputError: If it is damaged, of another kind, or could run code.
    """
    members = read_members(path)
    if GRAPH not in members:
        raise InputError(f"model {path} holds no exported program: {ADVICE} (torch >= 2.8)")
    for name in CONFIGS:
        check_no_pickles(parsed(members, name, path), path)
    graph = parsed(members, GRAPH, path)
    graph["guards_code"] = []
    drop_metadata(graph)
    check_values(graph, "", path)
    members[GRAPH] = json.dumps(graph).encode()
    cleaned = io.BytesIO()
    with zipfile.ZipFile(cleaned, "w") as archive:  # stored, not compressed
        for name, content in (members | {EXAMPLES: b""}).items():
            archive.writestr(f"model/{name}", content)
    cleaned.seek(0)
    return cleaned


def read_members(path: Path) -> dict[str, bytes]:
    """Read the members that are used, without the folder around them; checksums are compared.

    Raises:
        InputError: If the archive is damaged or holds what could run code.
    """
    members = {}
    try:
        with zipfile.ZipFile(path) as archive:
            check_stored(archive, path)
            for whole in archive.namelist():
                name = whole.partition("/")[2]
                if name in (GRAPH, *CONFIGS) or KEPT.fullmatch(name):
                    members[name] = archive.read(whole)
                elif name != EXAMPLES and not name.startswith("extra/"):
                    raise InputError(
                        f"model {path} holds {shorten(repr(name), 80)}, which could run code: "
                        f"{ADVICE}"
                    )
    except InputError:
        raise
    except Exception as error:  # damaged archives fail in every way
        raise InputError(
            f"model {path} is damaged or no .pt2 archive: {one_line(error)}"
        ) from error
    return members


def parsed(members: dict[str, bytes], name: str, path: Path) -> Any:
    """Parse a member.

    Raises:
        InputError: If it is missing or no JSON object.
    """
    try:
        content = json.loads(members[name])
    except (KeyError, ValueError, RecursionError) as error:
        raise InputError(f"model {path} is damaged: {name} is missing or no JSON") from error
    if not isinstance(content, dict):
        raise InputError(f"model {path} is damaged: {name} is no JSON object")
    return content


def check_no_pickles(config: Any, path: Path) -> None:
    """Refuse tensors that are stored as pickles, or under names that make them such.

    Raises:
        InputError: If there is one.
    """
    entries = config.get("config")
    for entry in entries.values() if isinstance(entries, dict) else [None]:
        if not isinstance(entry, dict) or entry.get("use_pickle") is not False:
            raise InputError(f"model {path} holds a pickle, which could run code: {ADVICE}")
        stored = str(entry.get("path_name"))
        if not TENSOR.fullmatch(stored):
            raise InputError(
                f"model {path} holds the object {shorten(repr(stored), 80)}, which could run "
                f"code: {ADVICE}"
            )


def drop_metadata(value: Any) -> None:
    """Empty all metadata (stack traces), in place."""
    if isinstance(value, dict):
        if "metadata" in value:
            value["metadata"] = {}
        for part in value.values():
            drop_metadata(part)
    elif isinstance(value, list):
        for part in value:
            drop_metadata(part)


def check_values(value: Any, key: str, path: Path) -> None:
    """Refuse operators, expressions and names that are not on the lists.

    Args:
        value: Part of the graph.
        key: Under which it stands.
        path: Named in errors.

    Raises:
        InputError: If one is not.
    """
    if isinstance(value, dict):
        for name, part in value.items():
            check_values(name, "", path)
            check_values(part, name, path)
    elif isinstance(value, list):
        for part in value:
            check_values(part, key, path)
    elif isinstance(value, str) and not is_harmless(value, key):
        raise InputError(
            f"model {path} uses {shorten(repr(value), 80)} as {key or 'a name'}, which is not "
            f"known to be safe: {ADVICE}"
        )


def is_harmless(value: str, key: str) -> bool:
    """Tell whether a string may stand under a key."""
    if key in ("as_string", "as_strings"):
        return True  # enters the code of the graph quoted
    if key == "target":
        return OPERATOR.fullmatch(value) is not None
    if key == "expr_str":
        return EXPRESSION.fullmatch(value) is not None
    if key in ("in_spec", "out_spec"):
        return not value or only_containers(value)
    return NAME.fullmatch(value) is not None


def only_containers(spec: str) -> bool:
    """Tell whether the structure of inputs or outputs is made of tuples, lists and dictionaries."""
    try:
        return all(part in CONTAINERS for part in types_in(json.loads(spec)))
    except ValueError:
        return False


def types_in(value: Any) -> list[Any]:
    """List the types that a structure names."""
    if isinstance(value, list):
        return [found for part in value for found in types_in(part)]
    if isinstance(value, dict):
        own = [value["type"]] if "type" in value else []
        return own + [found for part in value.values() for found in types_in(part)]
    return []
