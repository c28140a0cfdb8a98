"""What a newcomer can run of the pages is run, page by page, from what `segcert demo` leaves.

The folder holds that and nothing else, at a smaller size; one slow test runs the demo itself.
"""

import re
from pathlib import Path

import pytest
from doc_blocks import PAGES, ROOT, Block, arguments, blocks, commands

from segcert.cli.main import run

PROGRAMS = ("segcert", ".venv/bin/segcert")
# What is not run, and why. All of it is parsed: test_commands.py
TAKES_LONG = {"train", "demo"}  # their own tests run them; training takes hours
NOT_HERE = (  # data sets, checkpoints, other machines and programs
    "CAMVID", "DIR", "CITYSCAPES", "CONTEXT", "IMAGE", "RUN", "...", ".pth", ".onnx", "scan.bin",
    "net.safetensors",
    "segformer-b0", "--engine", "--cluster", "PLAIN", "--backend", "int8", "robust",
)  # fmt: skip
FILE = re.compile(r"# (\w+\.py)\n")  # the first line of a block that is a file of the reader's
FAST = ("README.md", "docs/tutorial.md")  # the others are slow tests


def cheap(words: list[str]) -> bool:
    """Tell whether a command is run."""
    line = " ".join(words)
    ours = words[0] in PROGRAMS and words[1:2] != ["--version"] and words[1] not in TAKES_LONG
    return ours and not any(part in line for part in NOT_HERE)


def cheap_of(page: Path) -> list[tuple[Block, list[str]]]:
    """The commands of a page that are run; a report of a run that is not made here is left out."""
    found = [(block, words) for block in blocks(page) if block.language in ("", "console")
             for words in commands(block)]  # fmt: skip
    return [(block, words) for block, words in found if cheap(words) and words[1] != "report"]


@pytest.mark.parametrize(
    "page",
    [
        pytest.param(page, id=name, marks=[] if name in FAST else [pytest.mark.slow])
        for page in PAGES
        if cheap_of(page) and (name := page.relative_to(ROOT).as_posix())
    ],
)
@pytest.mark.usefixtures("desk")
def test_cheap_commands_end_well(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for block in blocks(page):
        if named := FILE.match(block.text):
            Path(named[1]).write_text(block.text, encoding="utf-8")
    for block, words in cheap_of(page):
        status = run(arguments(words))
        assert status == 0, f"{block}: {' '.join(words)}: {capsys.readouterr().err}"


def test_the_names_are_those_that_the_demo_leaves(desk: Path) -> None:
    """Each file of a command that is run is one of the demo, or one that a command made before."""
    left = {path.relative_to(desk).as_posix() for path in (desk / "demo").iterdir()}
    assert left == {"demo/street6.png", "demo/truth.png", "demo/table1000004.npz"}
    named = {
        word
        for page in PAGES
        for _, words in cheap_of(page)
        for word in words
        if re.search(r"\.(png|npz|ply|bin|jpg)$", word)
    }
    assert {name.replace("*", "6") for name in named} <= left


@pytest.mark.slow
def test_the_readme_runs_from_an_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a newcomer would: the demo first, at full size."""
    monkeypatch.chdir(tmp_path)
    assert run(["demo", "--out", "demo"]) == 0
    assert run(["demo", "--points", "--out", "demo"]) == 0
    left = {path.name for path in Path("demo").iterdir()}
    assert {"street6.png", "truth.png", "table1000004.npz"} <= left
    for block, words in cheap_of(ROOT / "README.md"):
        assert run(arguments(words)) == 0, f"{block}: {' '.join(words)}"


def test_most_kinds_of_commands_are_run() -> None:
    kinds = {words[1] for page in PAGES for _, words in cheap_of(page)}
    assert kinds >= {"certify", "verify", "attack", "plan", "toy", "models", "doctor"}
