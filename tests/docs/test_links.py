"""Links, anchors and pictures of the pages exist."""

import re
from pathlib import Path

import pytest
from doc_blocks import PAGES, ROOT

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def slug(heading: str) -> str:
    """The anchor that the site gives a heading."""
    words = re.sub(r"[^\w\s-]", "", heading.replace("`", "").lower()).strip()
    return re.sub(r"[-\s]+", "-", words)


def broken(page: Path) -> list[str]:
    """Collect the links of a page that lead nowhere."""
    found = []
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        name, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:"):
            continue
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and slug_missing(file, anchor)):
            found.append(target)
    return found


def slug_missing(file: Path, anchor: str) -> bool:
    """Tell whether no heading of a page has an anchor."""
    return anchor not in {slug(one) for one in HEADING.findall(file.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    assert broken(page) == []


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A title, of `mine`\n[a](page.md#a-title-of-mine) [b](#b) [c](gone.md)\n")
    assert broken(page) == ["#b", "gone.md"]
