"""Every command on the pages is one that its program takes; `test_runs` runs the cheap ones."""

import importlib
import re
import sys
from pathlib import Path

import pytest
from cyclopts import App, CycloptsError
from doc_blocks import PAGES, ROOT, Block, arguments, blocks, commands, script_commands

from segcert.cli.application import app, bind
from segcert.errors import InputError

sys.path.append(str(ROOT))  # for the experiments
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
OTHERS = {"pip"}  # programs that are not ours, and are not run: they change the installation
NOT_OURS = {"bash", "yaml"}  # scripts of clusters; only what they run of ours is parsed
SEGCERT = ("segcert", ".venv/bin/segcert")
COMMANDS = [block for page in PAGES for block in blocks(page) if block.language in ("", "console")]

SCRIPTS = [block for page in PAGES for block in blocks(page) if block.language in NOT_OURS]


class UnknownCommandError(Exception):
    """A command that nobody takes."""


def check(words: list[str]) -> None:
    """Refuse a command that its program would refuse, without running it.

    Raises:
        UnknownCommandError: If there is no such program, target or module.
        CycloptsError: If its options are not those of the program.
    """
    program, *rest = words
    if program in SEGCERT:
        parse(app, arguments(words))
        check_options(arguments(words))
    elif program == "make":
        if not TARGETS.issuperset(rest):
            raise UnknownCommandError(f"no target {rest}")
    elif words[:2] == ["python", "-m"]:
        if not rest[1].startswith(("experiments.", "benchmarks")):
            raise UnknownCommandError(rest[1])
        name = rest[1] if rest[1] != "experiments.gpu" else "experiments.gpu.__main__"
        module = importlib.import_module(name)
        if rest[2:]:
            parse(module.app, rest[2:])
    elif program not in OTHERS:
        raise UnknownCommandError(program)


def parse(program: App, given: list[str]) -> None:
    """Bind the arguments as the program does."""
    program.parse_args(given, exit_on_error=False, print_error=False)


def check_options(given: list[str]) -> None:
    """Refuse options without effect, as far as that can be said without the files of the command.

    Raises:
        InputError: If there is one.
    """
    try:
        bind(given)
    except InputError as error:
        if "leave out --" in str(error):
            raise


@pytest.mark.parametrize("block", COMMANDS, ids=str)
def test_commands_are_those_of_the_programs(block: Block) -> None:
    for words in commands(block):
        check(words)


@pytest.mark.parametrize("block", SCRIPTS, ids=str)
def test_commands_in_scripts_of_clusters_are_those_of_the_program(block: Block) -> None:
    found = script_commands(block)
    assert len(found) == block.text.count("segcert evaluate") == 1
    for words in found:
        assert "--engine" in words
        check(words)


def test_your_own_model_begins_with_the_installation() -> None:
    first = blocks(ROOT / "docs" / "your-model.md")[0]
    assert list(commands(first)) == [["pip", "install", "."]]


def test_there_are_commands_on_the_pages() -> None:
    every = [words for block in COMMANDS for words in commands(block)]
    assert len(every) > 90
    assert {word for words in every if words[0] in SEGCERT for word in words[1:2]} >= {
        "certify", "verify", "demo", "train", "evaluate", "report", "attack", "plan", "toy",
        "models", "doctor",
    }  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "segcert certify photo.png --sigmas 0.25",
        "segcert certify photo.png --looks 4",
        "segcert certify photo.png --n many",
        "segcert certfy photo.png",
        "make demos",
        "python -m experiments.table9.page",
        "python -m experiments.table2.page --rite docs",
        "certified share 87.2%",
    ],
)
def test_a_command_that_is_none_is_seen(line: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"words\n\n```\nmake test\n{line}\n```\n")
    (block,) = blocks(page)
    first, second = commands(block)
    check(first)
    with pytest.raises((UnknownCommandError, CycloptsError, ModuleNotFoundError, InputError)):
        check(second)


def test_remarks_and_gaps_are_no_arguments() -> None:
    text = "segcert report RUN   a table\nsegcert certify a.png \\\n    --n 5   --out b   # why\n"
    assert list(commands(Block("page", 1, "", text))) == [
        ["segcert", "report", "RUN"],
        ["segcert", "certify", "a.png", "--n", "5", "--out", "b"],
    ]


def test_languages_of_all_blocks_are_known() -> None:
    known = {"", "console", "python", "text", "toml", *NOT_OURS}
    assert {block.language for page in PAGES for block in blocks(page)} <= known
