"""No name of a file, a model, a class or a run steers a terminal, a spreadsheet, a page."""

import ast
import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from cloud_files import scan
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rich.console import Console
from rich.table import Table

import segcert as sc
import segcert.cli
from segcert.certificates.result import load_certificate
from segcert.cli.progress import DrawProgress
from segcert.cli.shell import HarmlessConsole, cell, complain, messages, note, results, say
from segcert.inputs.cloud_files import write_cloud
from segcert.models.files.checkpoints import Description, load_weights, save_weights
from segcert.text import csv_text, markdown_text, printable

# ESC with a colour, the title of a window, a line break, a return, a mark of direction, one of no
# width, a tab, one-byte ESC of C1, markup of rich, and a formula of TeX
HOSTILE = "a\x1b[31mb\x1b]0;t\x07c\nPOISON\re\u202ef\u200bg\th\x9bi[red]$\\foo$<q9>"
SHOWN = "a?[31mb?]0;t?c POISON e?f?g h?i[red]$\\foo$<q9>"
Command = Callable[..., Any]
FEW = ("--tau", 0.6, "--alpha", 0.1, "--n0", 3, "--n", 30, "--seed", 4, "--batch-size", 8)


def assert_harmless(*texts: str) -> None:
    """Nothing but printable letters and the line breaks of our own."""
    for text in texts:
        bad = {letter for letter in text if not letter.isprintable() and letter != "\n"}
        assert not bad
        assert "\x1b" not in text
        assert not re.search(r"^POISON", text, re.MULTILINE)  # of a line break in a name


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal on which no name is folded."""
    for console in (results, messages):
        monkeypatch.setattr(console, "_width", 1000)
        monkeypatch.setattr(console, "_height", 25)


@pytest.fixture
def hostile(tmp_path: Path, photo: Path) -> Path:
    """A photograph with such a name."""
    path = tmp_path / f"{HOSTILE.replace('/', '')}.png"
    photo.rename(path)
    return path


@pytest.fixture
def model(tmp_path: Path, weights: Path, describe: Callable[..., Description]) -> Path:
    """Weights with such a name, of such classes, and of such a licence."""
    path = tmp_path / f"{HOSTILE}.safetensors"
    net, _ = load_weights(weights)
    names = (HOSTILE, "=cmd|' /C calc'!A1", "sky")
    save_weights(path, net, describe(classes=names, licence=HOSTILE, data=HOSTILE))
    return path


def test_images_models_and_classes_of_hostile_names(
    command: Command, hostile: Path, model: Path, tmp_path: Path
) -> None:
    """What is printed, and the page, of each command that opens them."""
    out = tmp_path / HOSTILE.replace("<q9>", "")
    told = ("--model", model, "--stop-when", "target=0.01", *FEW)
    done = command("certify", hostile, *told, "--out", out)
    assert done.status == 0, done.err
    assert_harmless(done.out, done.err)
    assert SHOWN in done.out
    (folder,) = (path for path in out.iterdir() if path.is_dir())
    page = (folder / "report.html").read_text("utf-8")
    assert_harmless(page.replace("\u00a0", " "))
    assert "<q9>" not in page
    found = load_certificate(folder)
    assert found.class_names[0] == HOSTILE  # files keep what was named
    assert_harmless(found._repr_html_())
    for words in (
        ("verify", folder),
        ("verify", folder, "--replay", "--image", hostile, "--model", model),
        ("attack", hostile, "--certificate", folder, "--smoothed", model, "--steps", 1, "--n", 10,
         "--out", out / "attack"),
        ("models", model),
        ("plan", hostile, "--model", model, "--probe", 12, "--tau", 0.6, "--seed", 1),
        ("plan", hostile, "--model", model, "--probe", 12, "--tau", 0.6, "--seed", 1, "--json"),
        ("certify", hostile, *told, "--out", out, "--scale", "0.5"),
    ):  # fmt: skip
        done = command(*words)
        assert_harmless(done.out, done.err)
        assert done.out + done.err


def test_clouds_of_hostile_names(command: Command, tmp_path: Path) -> None:
    path = tmp_path / f"{HOSTILE.replace('/', '')}.ply"
    write_cloud(path, scan())
    done = command("certify", path, "--sigma", 0.1, *FEW, "--out", tmp_path / HOSTILE)
    assert done.status == 0, done.err
    assert_harmless(done.out, done.err)
    (folder,) = (tmp_path / HOSTILE).iterdir()
    assert_harmless((folder / "report.html").read_text("utf-8"))


@pytest.fixture
def run_folder(command: Command, model: Path, photo: Path, tmp_path: Path) -> Path:
    """An evaluation of such a model on such images and classes."""
    images, masks, out = tmp_path / HOSTILE, tmp_path / "masks", tmp_path / "run"
    images.mkdir()
    masks.mkdir()
    name = f"{HOSTILE}.png".replace("/", "")
    photo.rename(images / name)
    Image.new("L", (48, 32)).save(masks / name)
    (tmp_path / "classes.txt").write_text("a\nb\nc\n")
    net, about = load_weights(model)
    save_weights(model, net, about.model_copy(update={"classes": ("a", "b", "c")}))
    done = command(
        "evaluate", "--data", "folder", "--images", images, "--masks", masks, "--classes",
        tmp_path / "classes.txt", "--model", model, "--out", out, "--tau", 0.6, "--tau", 0.7,
        "--n0", 3, "--n", 30, "--seed", 4, "--alpha", 0.1, "--correction", "holm",
        "--correction", "bonferroni",
    )  # fmt: skip
    assert done.status == 0, done.err
    assert_harmless(done.out, done.err)
    return out


def test_evaluations_of_hostile_names(command: Command, run_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "report"
    for form in ("text", "markdown", "latex", "csv"):
        where = ("--out", out) if form == "text" else ()  # the same pages for each
        done = command("report", run_folder, "--format", form, *where)
        assert done.status == 0, done.err
        assert_harmless(done.out, done.err)
    for name in ("table.md", "table.tex", "table.csv", "report.html"):
        assert_harmless((out / name).read_text("utf-8"))
    for name in ("figure3.svg", "holm_bonferroni.svg"):
        text = (out / name).read_text("utf-8")
        ElementTree.fromstring(text)  # ours
        assert_harmless(text)
    assert "<q9>" not in (out / "report.html").read_text("utf-8")
    assert "<q9>" not in (out / "table.md").read_text("utf-8")


@pytest.mark.parametrize("label", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\uff1d1"])
@pytest.mark.sampled
def test_a_label_is_no_formula_in_csv(command: Command, run_folder: Path, label: str) -> None:
    done = command("report", run_folder, f"--label={label}", "--format", "csv")
    assert done.status == 0, done.err
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert {row["model"] for row in rows} == {f"'{label}"}
    for row in rows:
        for name, value in row.items():
            number = re.fullmatch(r"-?[\d.e+-]*", value)
            assert number or not value.startswith(("=", "+", "-", "@")), name


def test_texts_of_certificates_reach_no_terminal_as_they_are(
    command: Command, photo: Path, weights: Path, tmp_path: Path
) -> None:
    """A certificate is a file of someone else: its model is named as they please."""
    assert command("certify", photo, "--model", weights, *FEW, "--out", tmp_path / "o").status == 0
    found = load_certificate(tmp_path / "o" / "photo")
    source = replace(found.counts.provenance, model=HOSTILE)
    renamed = replace(found.counts, provenance=source)
    sc.certify(renamed, tau=0.6, alpha=0.1).save(tmp_path / "theirs")
    done = command("verify", tmp_path / "theirs")
    assert done.status == 0, done.err
    assert SHOWN in done.out
    assert_harmless(done.out, done.err)
    replay = command("verify", tmp_path / "theirs", "--replay", "--image", photo)
    assert replay.status == 2
    assert_harmless(replay.out, replay.err)


def test_arguments_in_errors(command: Command) -> None:
    for words in (
        ("certify", HOSTILE), ("certify", "a.png", "--sigma", HOSTILE), (HOSTILE,),
        ("certify", "a.png", f"--{HOSTILE}"), ("verify", HOSTILE), ("models", HOSTILE),
        ("certify", "a.png", "--model", "half\udc80"), ("certify", "half\udc80.png"),
        ("train", "--data", "camvid", "--root", HOSTILE, "--out", "a.safetensors"),
        ("toy", "--figures", "/proc/self/\udc80\x1b"), ("report", HOSTILE),
    ):  # fmt: skip
        done = command(*words)
        assert done.status == 2
        assert done.line
        assert_harmless(done.out, done.err)


def test_every_line_that_commands_print_is_said() -> None:
    """A text that is made up of others is printed by `say`, `note` or in a table, by nothing else.

    Tables and texts of several lines have their names made harmless where they are made.
    """
    allowed = {"results.print(", "messages.print(", "console.print("}
    for path in Path(segcert.cli.__file__).parent.glob("*.py"):
        if path.name == "shell.py":
            continue
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call) or not ast.unparse(call).startswith(tuple(allowed)):
                continue
            for part in ast.walk(call):
                assert not isinstance(part, ast.JoinedStr), f"{path.name}: {ast.unparse(call)}"


def printed(*lines: object, **options: Any) -> str:
    """What a terminal gets of them."""
    file = io.StringIO()
    console = HarmlessConsole(file=file, force_terminal=True, width=200, **options)
    for line in lines:
        console.print(line, markup=False)
    return file.getvalue()


def test_the_console_is_the_last_net() -> None:
    table = Table("x")
    table.add_row(cell(HOSTILE))
    assert "a?[31mb" in printed(table)
    assert printed(HOSTILE, color_system=None).count("\n") == 2  # line breaks are the printer's
    assert printed("\x1b]0;title\x07\u202e", color_system=None) == "?]0;title?\n"
    styled = printed(Table("x", header_style="bold red"))
    assert "\x1b[" in styled  # our own colours stay


def test_a_progress_bar_shows_a_name_as_it_is() -> None:
    file = io.StringIO()
    console = HarmlessConsole(file=file, force_terminal=True, color_system=None, width=200)
    with DrawProgress(console) as bar:
        bar(HOSTILE, 1, 2)
    shown = file.getvalue()
    assert SHOWN in shown
    assert "\x1b[31m" not in shown
    assert "\x1b]0;" not in shown


def test_lines_notes_and_errors(capsys: pytest.CaptureFixture[str]) -> None:
    say(HOSTILE)
    note(HOSTILE)
    assert complain(HOSTILE, 2) == 2
    out, err = capsys.readouterr()
    assert out == f"{SHOWN}\n"
    assert err == f"note: {SHOWN}\nsegcert: {SHOWN}\n"
    assert isinstance(results, Console)
    assert isinstance(messages, HarmlessConsole)


@given(st.text())
def test_printable_is_printable(text: str) -> None:
    line = printable(text)
    assert line.isprintable()
    assert len(line) == len(text)
    assert printable(line) == line
    line.encode()
    kept = [(a, b) for a, b in zip(text, line, strict=True) if a != b]
    assert all(not a.isprintable() and b in " ?" for a, b in kept)


@given(st.text())
def test_no_cell_of_csv_is_a_formula(text: str) -> None:
    assert not csv_text(text).lstrip().startswith(("=", "+", "-", "@", "\uff1d"))
    assert csv_text(text).removeprefix("'") == printable(text).removeprefix("'")


def test_markdown_has_no_links_pictures_code_or_html() -> None:
    assert markdown_text("a|b") == r"a\|b"
    text = markdown_text("![x](http://h) <img src=x> `code` *b* \\ &lt; [l]: u")
    assert re.sub(r"\\.", "", text) == "!x(http://h) img src=x code b  &lt; l: u"
