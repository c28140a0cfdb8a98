"""The page of licences is current: pyproject.toml and the installed packages give it again."""

import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TOOL = runpy.run_path(str(ROOT / "tools" / "licences.py"))
TEXT = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")


def test_the_page_is_what_make_licences_writes() -> None:
    assert TOOL["page"](TEXT) == TEXT, "run: make licences"


def test_it_is_on_the_site() -> None:
    assert '"licences.md"' in (ROOT / "zensical.toml").read_text(encoding="utf-8")


def test_every_package_has_its_range_and_a_licence() -> None:
    rows = re.findall(r"^\| ([\w.-]+) \| (>=[^|]+) \| ([^|]+) \|$", TEXT, re.MULTILINE)
    found = {name: (versions, licence) for name, versions, licence in rows}
    assert TEXT.count(" | >=") == len(rows) > 25
    assert found["torch"][0] == ">=2.6"
    assert found["transformers"][1] == "Apache-2.0"
    assert found["onnxruntime"][1] == "MIT"
    assert {"ray", "openvino", "tensorboard", "ruff"} <= set(found)
    assert all(re.search(r"Apache|MIT|BSD|PSF|MPL|ISC", licence) for _, licence in found.values())


def test_a_changed_licence_or_range_changes_the_page() -> None:
    changed = TEXT.replace("| numpy | >=2 | ", "| numpy | >=1 | Proprietary AND ")
    assert changed != TEXT
    assert TOOL["page"](changed) == TEXT


def test_what_is_not_installed_keeps_its_line_or_is_asked_for() -> None:
    table = TOOL["table"]
    assert "| nonesuch | >=1 | Zlib |" in table(["nonesuch>=1"], {"nonesuch": "Zlib"})
    with pytest.raises(SystemExit, match="install nonesuch once"):
        table(["nonesuch>=1"], {})


@pytest.mark.parametrize(
    ("about", "licence"),
    [
        ({"license_expression": "MIT", "license": "Zlib"}, "MIT"),
        ({"classifier": ["Topic :: X", "License :: OSI Approved :: BSD License"]}, "BSD"),
        ({"license": "Apache 2.0\n\nlong text"}, "Apache-2.0"),
        ({}, ""),
    ],
)
def test_where_a_licence_is_read(about: dict[str, object], licence: str) -> None:
    assert TOOL["stated"](about) == licence
