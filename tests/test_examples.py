"""Every example runs, is short, says what it is, and is in the list that `make examples` runs."""

import ast
import re
import runpy
import sys
from contextlib import suppress
from pathlib import Path

import pytest

import segcert as sc

FOLDER = Path(__file__).resolve().parents[1] / "examples"
RUNNER = runpy.run_path(str(FOLDER / "run_all.py"))
EXAMPLES: tuple[str, ...] = RUNNER["EXAMPLES"]
MOST_LINES = 40
FAST = ("five_lines", "monai_volume", "point_cloud")  # the others are slow tests
LIBRARIES = {
    "hugging_face": "transformers",
    "monai_volume": "monai",
    "smp_model": "segmentation_models_pytorch",
    "timm_model": "timm",
    "torchvision_model": "torchvision",
}
SKIPPED = {*LIBRARIES, "onnx_file"} - {"monai_volume"}  # need a library


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> "Run":
    return Run(tmp_path / "out", monkeypatch, capsys)


class Run:
    """Runs an example in this process, on a smaller photograph."""

    def __init__(
        self, out: Path, patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.out, self.patch, self.capsys = out, patch, capsys

    def __call__(self, name: str) -> str:
        """Run it and return the last line that it prints."""
        self.patch.syspath_prepend(str(FOLDER))
        self.patch.delitem(sys.modules, "common", raising=False)
        import common

        self.patch.setattr(common, "SIZE", (64, 64))
        self.patch.setattr(sys, "argv", [f"{name}.py", "--out", str(self.out)])
        with suppress(SystemExit):  # of an example that is skipped
            runpy.run_path(str(FOLDER / f"{name}.py"), run_name="__main__")
        del sys.modules["common"]
        return self.capsys.readouterr().out.strip().splitlines()[-1]


@pytest.mark.filterwarnings("ignore")  # of exporters, about themselves
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in FAST else pytest.mark.slow)  # type: ignore[arg-type]
        for name in EXAMPLES
    ],
)
def test_it_runs(name: str, run: Run) -> None:
    last = run(name)
    if last.startswith("skipped:"):
        assert name in SKIPPED
        pytest.skip(last)
    written = re.search(r"written: ([^;]+)", last)
    assert written
    assert Path(written[1]).exists()
    assert Path(written[1]).is_relative_to(run.out)
    if (run.out / "result").exists():
        assert sc.load_certificate(run.out / "result").certified.any()


@pytest.mark.libraries
@pytest.mark.usefixtures("torchvision")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", LIBRARIES)
def test_it_runs_with_the_library_itself(name: str, run: Run) -> None:
    assert run(name).startswith("written: ")
    assert LIBRARIES[name] in sys.modules


def test_a_missing_library_is_one_line_and_no_failure(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)  # type: ignore[arg-type]
    assert run("hugging_face").startswith("skipped: import of transformers halted")


def test_all_files_are_listed() -> None:
    files = {path.stem for path in FOLDER.glob("*.py")}
    assert files == {*EXAMPLES, *RUNNER["HELPERS"]}
    table = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert re.findall(r"\[(\w+)\.py\]\(\1\.py\)", table) == list(EXAMPLES)


@pytest.mark.parametrize("name", EXAMPLES)
def test_it_is_short_and_says_what_it_is(name: str) -> None:
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) < MOST_LINES
    about = ast.get_docstring(ast.parse(text))
    assert about
    assert f"python examples/{name}.py --out" in about
    assert "http" not in text  # nothing is downloaded
