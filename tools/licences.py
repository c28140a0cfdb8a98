"""Write docs/licences.md: what segcert depends on, in which versions, under which licences.

``make licences`` writes it; a test compares it with pyproject.toml and the installed packages. Of a
package that is not installed the page's own line is kept.
"""

import re
import tomllib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "licences.md"
REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(\[[\w,-]+\])?(?P<range>.*)")
SPDX = {
    "Apache 2.0": "Apache-2.0",
    "Apache 2.0 License": "Apache-2.0",
    "Apache License 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD",
    "MIT License": "MIT",
    "Python Software Foundation License": "PSF",
}
HEAD = """# Licences

segcert is under the Apache License 2.0 (`LICENSE`). The weights that come with it have licences of
their own: [Shipped models](models.md). Below is what it depends on, with the licences that the
packages state in the versions of `constraints.txt`; each brings packages of its own. None of them
is copied into segcert. This page is written by `make licences`.
"""
EXTRA = "## Extra `{name}`\n\n`pip install 'segcert[{name}]'`\n"
TABLE = "| package | versions | licence |\n|---|---|---|\n"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(PAGE.read_text("utf-8") if PAGE.exists() else ""), "utf-8")


def page(before: str) -> str:
    """Write the page anew.

    Args:
        before: The page as it was; of packages that are not installed its lines are kept.

    Raises:
        SystemExit: If the licence of a package is not known.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    kept = dict(re.findall(r"^\| ([\w.-]+) \| [^|]* \| ([^|]+) \|$", before, re.MULTILINE))
    sections = [HEAD, "## Always needed\n", table(project["project"]["dependencies"], kept)]
    for name, lines in project["project"]["optional-dependencies"].items():
        sections += [EXTRA.format(name=name), table(lines, kept)]
    groups = project["dependency-groups"]
    sections += ["## To develop\n", table([*groups["dev"], *groups["libraries"]], kept)]
    return "\n".join(sections)


def table(requirements: list[str], kept: Mapping[str, str]) -> str:
    """Write one row per package."""
    rows = []
    for requirement in sorted(requirements, key=str.lower):
        match = REQUIREMENT.fullmatch(requirement)
        assert match, requirement
        licence = licence_of(match["name"]) or kept.get(match["name"])
        if not licence:
            raise SystemExit(f"install {match['name']} once, so that its licence can be read")
        rows.append(f"| {match['name']} | {match['range'] or 'any'} | {licence} |\n")
    return TABLE + "".join(rows)


def licence_of(name: str) -> str | None:
    """Read the licence of an installed package; None if it is not installed."""
    try:
        about = metadata(name)
    except PackageNotFoundError:
        return None
    return stated(about.json)


def stated(about: Mapping[str, str | list[str]]) -> str:
    """Take the licence expression, else the classifiers, else the first line of the licence."""
    if "license_expression" in about:
        return str(about["license_expression"])
    classifiers = about.get("classifier", [])
    named = [one.rpartition(" :: ")[2] for one in classifiers if one.startswith("License :: ")]
    texts = named or str(about.get("license", "")).strip().splitlines()[:1]
    return " AND ".join(SPDX.get(text, text) for text in texts)


if __name__ == "__main__":
    main()
