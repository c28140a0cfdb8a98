"""The list of mutants fits the code: each old text stands there once, each test exists."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT))  # experiments are no part of the package

from experiments.mutants.__main__ import Mutant, listed, right  # noqa: E402


def test_there_are_a_hundred_different_ones() -> None:
    mutants = listed()
    assert len({(one.file, one.old, one.new) for one in mutants}) == len(mutants) >= 100


@pytest.mark.parametrize("mutant", listed(), ids=lambda mutant: mutant.name[:60])
def test_each_fits_the_code_and_names_a_test(mutant: Mutant) -> None:
    text = (ROOT / "src" / "segcert" / mutant.file).read_text()
    assert mutant.applied(text) != text
    path, _, name = mutant.test.partition("::")
    assert not name or f"def {name}" in (ROOT / path).read_text()
    assert (ROOT / path).exists()


def test_what_no_longer_fits_is_said() -> None:
    with pytest.raises(ValueError, match="the old text is there 2 times"):
        Mutant("a.py", "x", "y", "tests").applied("x x")


@pytest.mark.parametrize("survives", ["", "equivalent"])
def test_a_survivor_needs_a_reason(survives: str) -> None:
    mutant = Mutant("a.py", "x", "y", "tests", survives)
    assert right(mutant, "survived") == bool(survives)
    assert right(mutant, "killed") == (not survives)
