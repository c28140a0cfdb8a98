"""The table of docs/faults.md and the tests say the same."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "faults.md").read_text()
COLUMNS = ["fault", "what happens", "exit status", "what is kept", "test"]
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
ABOUT_ITSELF = {"test_table.py", "test_fuzz.py"}


def rows() -> list[list[str]]:
    """The cells of each row."""
    lines = [line for line in PAGE.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def names_in(path: Path) -> set[str]:
    """Names of the tests of a file."""
    tree = ast.parse(path.read_text())
    found = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {name for name in found if name.startswith("test_")}


def test_every_row_names_tests_that_exist() -> None:
    head, _, *body = rows()
    assert head == COLUMNS
    assert len(body) >= 30
    for cells in body:
        assert len(cells) == len(COLUMNS), cells
        assert all(cells), cells
        named = NAMED.findall(cells[-1])
        assert named, cells
        for path, name in named:
            assert name in names_in(ROOT / path), (path, name)


def test_every_test_of_a_fault_has_its_row() -> None:
    named = {name for _, name in NAMED.findall(PAGE)}
    for path in Path(__file__).parent.glob("test_*.py"):
        if path.name not in ABOUT_ITSELF:
            unnamed = names_in(path) - named
            assert unnamed <= {"test_drafts_of_killed_processes_are_removed_and_nothing_else"}
