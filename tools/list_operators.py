"""Print the operators of exported programs, and which are not on the list of segcert.

Usage: python tools/list_operators.py NET.pt2 ...
"""

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

from segcert.models.files.exported_files import GRAPH
from segcert.models.files.exported_operators import NESTING, OPERATORS, SYMBOLIC


def targets(value: Any) -> set[str]:
    """Every operator within a part of a program, at any depth; nothing of the file is run."""
    if isinstance(value, list):
        return {found for part in value for found in targets(part)}
    if not isinstance(value, dict):
        return set()
    own = {str(value["target"])} if {"target", "inputs", "outputs"} <= set(value) else set()
    return own | targets(list(value.values()))


def main() -> None:
    """Print each operator once, with the files that use it."""
    found: dict[str, list[str]] = {}
    for name in sys.argv[1:]:
        with zipfile.ZipFile(name) as archive:
            (member,) = [one for one in archive.namelist() if one.endswith(GRAPH)]
            graph = json.loads(archive.read(member))
        for target in targets(graph):
            found.setdefault(target, []).append(Path(name).name)
    for target, names in sorted(found.items()):
        known = target in OPERATORS or target in SYMBOLIC or target in NESTING
        print(f"{'' if known else 'NOT LISTED  '}{target}  ({', '.join(names[:3])})")


if __name__ == "__main__":
    main()
