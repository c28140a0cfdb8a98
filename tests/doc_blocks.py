"""The code blocks of the pages, and the commands in them."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", ROOT / "examples/README.md", *sorted((ROOT / "docs").rglob("*.md")))
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
REMARK = re.compile(r"\s#\s.*|\s{2,}(?!-)\S.*")  # "# why", or words after a gap
OURS = re.compile(r"\bsegcert \w[^\n]*(?:\n\s+--[^\n]*)*")
PLACEHOLDERS = {"IMAGE...": "IMAGE", "RUN...": "RUN", "DIR/NAME": "DIR"}
EVALUATED = ("--data", "camvid", "--root", "DIR", "--out", "RUN")  # what "evaluate ..." leaves out


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Args:
        page: The page, relative to the repository.
        number: Of the block on the page, from 1 on.
        language: What the fence says, or empty.
        text: What is inside.
    """

    page: str
    number: int
    language: str
    text: str

    def __str__(self) -> str:
        """Name it in a test."""
        return f"{self.page}:{self.number}"


def blocks(page: Path) -> list[Block]:
    """Collect the blocks of a page."""
    found = FENCE.findall(page.read_text(encoding="utf-8"))
    name = page.relative_to(ROOT).as_posix() if page.is_relative_to(ROOT) else page.name
    return [Block(name, i, language, text) for i, (language, text) in enumerate(found, 1)]


def commands(block: Block) -> Iterator[list[str]]:
    """Split a block of commands into words, one list a command, without prompts and remarks."""
    for line in re.sub(r"\\\n\s*", "", block.text).splitlines():
        if line.strip() and not line.startswith("#"):
            yield shlex.split(REMARK.sub("", line.strip()))


def script_commands(block: Block) -> list[list[str]]:
    """Our commands in a script of a cluster, with the lines that go on with more options."""
    text = re.sub(r"\\\n\s*", "", block.text)
    return [shlex.split(found) for found in OURS.findall(text)]


def arguments(words: list[str]) -> list[str]:
    """What follows the program, with something in place of what a page leaves out."""
    given = [PLACEHOLDERS.get(word, word) for word in words[1:]]
    if "..." in given:
        at = given.index("...")
        filled = [*EVALUATED[:4], *(() if "--out" in given else EVALUATED[4:])]
        given[at : at + 1] = filled
    return given
