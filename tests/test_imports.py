"""Imports go one way."""

import ast
import pkgutil
import sys
from pathlib import Path

from house_circles import circles, find_imports
from house_code import read_modules

import segcert
import segcert_scenes

ROOT = Path(segcert.__file__).parent
SCENES = Path(segcert_scenes.__file__).parent
LAYERS = [
    {"text"},
    {"errors"},
    {"segcert_scenes"},
    {"arrays", "files", "locks", "signals"},
    {"noise", "stats"},
    {"inputs"},
    {"data"},
    {"models"},
    {"sampling"},
    {"certificates"},
    {"plan_fields", "plan_record"},
    {"plan_texts"},
    {"plan"},
    {"api", "attacks", "metrics", "planning", "toy"},
    {"smoothed", "training"},
    {"doctor", "runs"},
    {"report"},
    {"cli"},
    {"__main__"},
]
MODELS = [
    {"nets", "identity", "resizing"},
    {"confined"},
    {"files"},
    {"protocol"},
    {"adapter", "fits"},
    {"callables", "trying"},
    {"backends"},
    {"denoisers", "opening", "point_segmenter"},
    {"wrapping_points"},
    {"shipped", "shipped_points"},
    {"wrapping", "opening_points"},
    {"reference"},
]


def levels(layers: list[set[str]]) -> dict[str, int]:
    """Number the layers from below."""
    return {name: level for level, names in enumerate(layers) for name in names}


LEVEL = levels(LAYERS)


def imports() -> list[tuple[Path, str, str]]:
    """List (file, importing package, imported package) of all imports of ours."""
    found = []
    for path in sorted([*ROOT.rglob("*.py"), *SCENES.rglob("*.py")]):
        package = package_of(path)
        if package != "__init__":
            for node in ast.walk(ast.parse(path.read_text())):
                found += [(path, package, name) for name in names_imported(node)]
    return found


def package_of(path: Path) -> str:
    """Name the package of segcert that a file is in, or ``segcert_scenes``."""
    if path.is_relative_to(SCENES):
        return SCENES.name
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def names_imported(node: ast.AST) -> list[str]:
    """Name the packages of ours that a statement imports."""
    if isinstance(node, ast.Import):
        modules = [alias.name.split(".") for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        module = (node.module or "").split(".")
        modules = [[*module, alias.name] for alias in node.names]
    else:
        return []
    inside = [parts[1] if len(parts) > 1 else "" for parts in modules if parts[0] == ROOT.name]
    return inside + [SCENES.name for parts in modules if parts[0] == SCENES.name]


def test_every_package_has_a_layer() -> None:
    packages = {p.name.removesuffix(".py") for p in ROOT.iterdir()} - {"__init__", "__pycache__"}
    assert (packages - {"py.typed"}) | {SCENES.name} == set(LEVEL)


def test_imports_point_downwards() -> None:
    upward = [
        f"{path.relative_to(ROOT.parent)} imports {imported}"
        for path, package, imported in imports()
        if package != imported and LEVEL[imported] >= LEVEL[package]
    ]
    assert upward == []


def test_imports_within_models_point_downwards() -> None:
    level, upward = levels(MODELS), []
    for path in sorted((ROOT / "models").rglob("*.py")):
        room = path.relative_to(ROOT / "models").parts[0].removesuffix(".py")
        for node in ast.walk(ast.parse(path.read_text())):  # imports within functions, too
            if not isinstance(node, ast.ImportFrom):
                continue
            parts = f"{node.module}.{node.names[0].name}".split(".")
            if parts[:2] == ["segcert", "models"] and parts[2] != room:
                assert len(node.names) == 1 or len(parts) > 3, f"{path}: one import a line"
                if level[parts[2]] >= level[room]:
                    upward.append(f"{path.relative_to(ROOT)} imports {'.'.join(parts[2:])}")
    assert upward == []


def test_every_room_of_models_has_a_layer() -> None:
    rooms = {p.name.removesuffix(".py") for p in (ROOT / "models").iterdir()}
    assert rooms - {"__init__", "__pycache__", "weights"} == set(levels(MODELS))


def test_no_module_imports_itself_by_way_of_others() -> None:
    """Imports within functions count; `tests/tools/test_house.py` shows that circles are found."""
    imports_of_ours = find_imports(read_modules(ROOT.parent))
    assert len(imports_of_ours) > 1000
    assert circles(imports_of_ours) == []


def test_the_check_sees_imports() -> None:
    seen = {(package, imported) for _, package, imported in imports()}
    assert ("sampling", "noise") in seen
    assert ("cli", "report") in seen
    assert ("data", "segcert_scenes") in seen
    assert ("segcert_scenes", "errors") in seen


def test_noise_and_statistics_import_nothing_of_ours_but_errors() -> None:
    ours = {i for _, package, i in imports() if package in ("noise", "stats") and i != package}
    assert ours <= {"errors"}


def test_drawn_scenes_know_nothing_of_ours_but_errors_and_are_data_sets_only() -> None:
    seen = {(package, i) for _, package, i in imports() if package != i}
    assert {i for package, i in seen if package == SCENES.name} == {"errors"}
    assert {package for package, i in seen if i == SCENES.name} == {"data"}


def test_tests_begin_with_every_module_imported() -> None:
    """One that is first imported while a test has put stubs elsewhere would keep them for good."""
    names = {module.name for module in pkgutil.walk_packages(segcert.__path__, "segcert.")}
    assert names - set(sys.modules) <= {"segcert.__main__"}
