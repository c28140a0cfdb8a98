"""Figures of small trees whose figures are known, and one traced run of the real one."""

import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import house
import house_code
import house_kinds
import house_trace
import pytest

from segcert.models.shipped import shipped

Tree = Callable[[dict[str, str]], house.Code]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Write files of packages and read them."""

    def write(files: dict[str, str]) -> house.Code:
        for name, text in files.items():
            path = tmp_path / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))
        return house.read(tmp_path)

    return write


def figure(figures: list[house.Figure], name: str) -> house.Figure:
    """The row of this name."""
    (found,) = [one for one in figures if one.name == name]
    return found


def test_a_circle_through_an_import_within_a_function_is_found(tree: Tree) -> None:
    code = tree(
        {
            "our/a": "from our.b import f\n",
            "our/b": "import our.c\n\ndef f():\n    pass\n",
            "our/c": "def g():\n    from our import a\n    return a\n",
            "our/d": "from our.a import f\n",
        }
    )
    circles, modules = house.circling(code)
    assert (circles.value, modules.value, modules.what) == (1, 3, "our.a, our.b, our.c")
    assert modules.places == (
        "our/a.py:1: imports our.b", "our/b.py:1: imports our.c", "our/c.py:2: imports our.a",
    )  # fmt: skip


@pytest.mark.parametrize("condition", ["TYPE_CHECKING", "typing.TYPE_CHECKING"])
def test_imports_for_type_checkers_make_no_circle(tree: Tree, condition: str) -> None:
    lines = f"if {condition}:\n    from our.b import f\nelse:\n    import our.c\n"
    code = tree({"our/a": lines, "our/b": "import our.a\n", "our/c": ""})
    assert [figure.value for figure in house.circling(code)] == [0, 0]
    assert {one.imported for one in code.imports} == {"our.a", "our.c"}


def test_relative_imports_and_packages_are_followed(tree: Tree) -> None:
    code = tree(
        {
            "our/__init__": "from .room import thing\n",
            "our/room/__init__": "from .. import room\n",
            "our/room/one": "from ..other import x\nfrom . import two\n",
            "our/room/two": "from .one import y\n",
            "our/other": "x = 1\n",
        }
    )
    assert {(one.module, one.imported) for one in code.imports} == {
        ("our", "our.room"), ("our.room.one", "our.other"),
        ("our.room.one", "our.room.two"), ("our.room.two", "our.room.one"),
    }  # fmt: skip
    assert figure(house.circling(code), "modules in circles").what == "our.room.one, our.room.two"


def test_a_function_of_13_parameters_is_one_too_many(tree: Tree) -> None:
    names = [f"x{i}" for i in range(13)]
    code = tree(
        {
            "our/a": f"""
        class Twelve:
            def method(self, {", ".join(names[:10])}, *rest, **more):
                pass

        def many({", ".join(names[:5])}, /, {", ".join(names[5:9])}, *, {", ".join(names[9:])}):
            pass
        """
        }
    )
    over, most = house.parameters(code)
    assert (over.value, over.places) == (1, ("13 our/a.py:6 our.a.many",))
    assert (most.value, most.what) == (13, "our.a.many")


def test_sizes_leave_out_the_docstring_of_a_function_only(tree: Tree) -> None:
    code = tree(
        {
            "our/__init__": 'PUBLIC = {"a": "our.a", "b": "our.b"}\n__all__ = [*PUBLIC]\n',
            "our/a": '@cache\ndef f():\n    """One.\n\n    Two."""\n    def g():\n        pass\n',
            "scenes/__init__": '__all__ = ["c"]\n',
        }
    )
    sizes = house.sizes(code)
    assert {one.name: one.value for one in sizes} == {
        "modules": 3, "lines of our": 9, "lines of scenes": 1, "lines of a module, median": 2,
        "lines of a module, most": 7, "functions": 2, "lines of a function, median": 2.5,
        "lines of a function, most": 3, "public names": 3,
    }  # fmt: skip
    assert figure(sizes, "lines of a function, most").what == "our.a.f"


ASKING = """
isinstance(x, Segmenter)
isinstance(x, (int, models.PointSegmenter))
isinstance(x, int | Cloud)
type(x) is Cloud
y.of_clouds
is_cloud(x)
def f(x: Segmenter | PointSegmenter | None) -> "LabelledImage | Cloud": ...
match x:
    case Cloud(): ...
"""
SILENT = """
from our import Cloud
isinstance(x, Tensor)
Segmenter(x)
def f(x: Segmenter | None, y: list[Segmenter] | Cloud) -> Cloud: ...
of_clouds = 1
"""


def test_checks_of_the_kind(tree: Tree) -> None:
    code = tree({"our/runs/a": ASKING, "our/runs/b": SILENT, "our/models/c": ASKING})
    found = [(one.place, one.what) for one in code.checks if not one.at_home]
    assert found == [
        ("our/runs/a.py:2", "isinstance(x, Segmenter)"),
        ("our/runs/a.py:3", "isinstance(x, (int, models.PointSegmenter))"),
        ("our/runs/a.py:4", "isinstance(x, int | Cloud)"),
        ("our/runs/a.py:5", "type(x) is Cloud"),
        ("our/runs/a.py:6", "y.of_clouds"),
        ("our/runs/a.py:7", "is_cloud(x)"),
        ("our/runs/a.py:8", "Segmenter | PointSegmenter | None"),
        ("our/runs/a.py:8", "'LabelledImage | Cloud'"),
        ("our/runs/a.py:10", "Cloud()"),
    ]
    assert sum(one.at_home for one in code.checks) == len(found)
    assert not any("b.py" in one.place for one in code.checks)


def test_only_rooms_at_the_top_may_ask(tree: Tree) -> None:
    code = tree({"our/cli/models": "is_cloud(x)\n", "our/inputs": "is_cloud(x)\n"})
    assert [(one.place, one.at_home) for one in code.checks] == [
        ("our/cli/models.py:1", False), ("our/inputs.py:1", True),
    ]  # fmt: skip


def test_names_of_kinds_that_nobody_defines_are_told(tree: Tree) -> None:
    code = tree({"our/a": "class Cloud: ...\nImageInput = int\ndef is_cloud(): ...\n"})
    names = house_code.defined_names(code.modules) | house_code.named_types(code.modules)
    gone = house_kinds.gone(names)
    assert "Segmenter" in gone
    assert not {"Cloud", "ImageInput"} & set(gone)


def test_what_is_only_handed_on(tree: Tree) -> None:
    code = tree(
        {
            "our/a": """
        zeros = 0

        def use(device):
            torch.zeros(3, device=device)

        def move(x, device):
            return x.to(device)

        def decide(device):
            use(device if device else "cpu")

        def unused(device): ...

        def hand(device):
            use(device)
            partial(use, device=device)

        class Keep:
            def __init__(self, device):
                self.device = device

            def hand(self, device):
                Keep(device=device)
        """
        }
    )
    row = figure(house.habits(code), "functions that hand on device")
    assert (row.value, row.what) == (2, "of 7 that take it")
    assert [place.split()[1] for place in row.places] == ["our.a.hand", "our.a.Keep.hand"]


def test_lines_kept_from_the_formatter_are_counted(tree: Tree) -> None:
    code = tree({"our/a": "def f(): ...\nx = 2  # fmt: skip\n", "our/b": "y = 1  # fmt: skip\n"})
    assert figure(house.habits(code), "# fmt: skip").value == 2


def test_a_figure_above_its_limit_fails_and_one_below_lowers_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        house, "LIMITS", {"a": house.Limit(5, 2), "b": house.Limit(5, 2), "c": house.Limit(2, 2)}
    )
    figures = [house.Figure("a", 6, "f, g"), house.Figure("b", 1), house.Figure("free", 9)]
    worse, better = house.judge([*figures, house.Figure("c", 1)])
    assert worse == ["a: 6 (at most 5 today, aim 2): f, g"]
    assert better == ["b: lower 5 to 2 in tools/house.py"]
    assert house.judge([house.Figure("a", 5), house.Figure("c", 2)]) == ([], [])


def test_limits_are_of_rows_that_exist(tree: Tree) -> None:
    code = tree({"our/a": "def f(x): ...\n"})
    run = house_trace.Trace(1, 1, 1, {"photo.png": ["f"], "w.safetensors": ["f"]})
    rows = [*house.circling(code), *house.parameters(code), *house.openings(run)]
    assert set(house.LIMITS) <= {row.name for row in rows}
    assert all(limit.aim <= limit.today for limit in house.LIMITS.values())


def test_openings_are_those_of_the_file_that_is_opened_most() -> None:
    opens = {"photo.png": ["f > g", "f > g"], "a.safetensors": ["f"], "b.safetensors": ["f", "h"]}
    image, weights = house.openings(house_trace.Trace(1, 1, 1, opens))
    assert (image.value, image.places) == (2, ("2 x f > g",))
    assert (weights.value, weights.places) == (2, ("2 x f", "1 x h"))
    assert weights.what.startswith("b.safetensors")
    with pytest.raises(SystemExit, match="not heard opening a weight file"):
        house.openings(house_trace.Trace(1, 1, 1, {"photo.png": ["f"]}))


CALLS = """
class Body:
    x = [i for i in range(3)]
    def method(self):
        return (lambda: deep())()

def deep():
    yield_all = list(numbers())

def numbers():
    yield 1

def import_something():
    exec(compile("hidden()", "elsewhere.py", "exec"), globals())

def hidden(): ...
"""


def test_functions_of_ours_are_counted_but_no_lambda_and_none_of_an_import() -> None:
    space: dict[str, Callable[[], object]] = {}
    exec(compile(CALLS, str(house_trace.SOURCE / "made_up.py"), "exec"), space)
    steps, before = house_trace.Steps(), sys.getprofile()
    body = vars(space["Body"])["method"]
    sys.setprofile(steps.see)
    try:
        body(None)
        space["import_something"]()
    finally:
        sys.setprofile(before)
    assert {name for _, name in steps.seen} == {
        "Body.method", "deep", "numbers", "import_something",
    }  # fmt: skip
    assert steps.depth == 3


def test_openings_are_heard_when_awake(tmp_path: Path) -> None:
    ear = house_trace.Ear()
    path = tmp_path / house_trace.INPUT
    ear.hear("open", (path, "rb", 0))
    ear.awake = True
    for event, what in (("open", path), ("open", 3), ("open", "x.json"), ("exec", path)):
        ear.hear(event, (what, "rb", 0))
    ear.hear("open", (str(path), None, 0))
    assert ear.at == {house_trace.INPUT: ["", ""]}


@pytest.mark.slow  # make house runs it too
def test_a_certificate_is_traced() -> None:
    run = house_trace.trace("segcert certify")
    assert run.functions > run.files > 20
    assert run.depth > 5
    assert set(run.opens) <= {house_trace.INPUT, *(path.name for path in every_weight_file())}
    for name in (house_trace.INPUT, shipped()["camvid"].name):
        assert run.opens[name]
        assert all(chain.startswith("segcert/cli/main.py") for chain in run.opens[name])


def every_weight_file() -> list[Path]:
    return list(shipped()["camvid"].parent.glob(f"*{house_trace.WEIGHTS}"))


def test_a_run_that_fails_says_why() -> None:
    with pytest.raises(SystemExit, match=r"(?s)^nonesuch cannot be traced: .*KeyError"):
        house_trace.trace("nonesuch")
