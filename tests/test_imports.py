"""Imports go one way."""

import ast
from pathlib import Path

import segcert

ROOT = Path(segcert.__file__).parent
LAYERS = [
    {"text"},
    {"errors"},
    {"arrays", "files", "locks", "signals"},
    {"noise", "stats", "data"},
    {"models"},
    {"sampling"},
    {"certificates"},
    {"attacks", "metrics", "planning", "toy"},
    {"training"},
    {"doctor", "runs"},
    {"report"},
    {"cli"},
    {"__main__"},
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}


def imports() -> list[tuple[Path, str, str]]:
    """List (file, importing package, imported package) of all imports within segcert."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        package = path.relative_to(ROOT).parts[0].removesuffix(".py")
        if package == "__init__":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("segcert"):
                parts = (node.module or "").split(".")
                names = [parts[1]] if len(parts) > 1 else [alias.name for alias in node.names]
                found += [(path, package, name) for name in names]
    return found


def test_every_package_has_a_layer() -> None:
    packages = {p.name.removesuffix(".py") for p in ROOT.iterdir()} - {"__init__", "__pycache__"}
    assert packages - {"py.typed"} == set(LEVEL)


def test_imports_point_downwards() -> None:
    upward = [
        f"{path.relative_to(ROOT)} imports {imported}"
        for path, package, imported in imports()
        if package != imported and LEVEL[imported] >= LEVEL[package]
    ]
    assert upward == []


def test_the_check_sees_imports() -> None:
    seen = {(package, imported) for _, package, imported in imports()}
    assert ("sampling", "noise") in seen
    assert ("cli", "report") in seen


def test_noise_and_statistics_import_nothing_of_ours_but_errors() -> None:
    ours = {i for _, package, i in imports() if package in ("noise", "stats") and i != package}
    assert ours <= {"errors"}
