"""Networks that a Python file of the user's own makes."""

from pathlib import Path

import pytest
import torch
from PIL import Image

import segcert as sc
from segcert.cli.main import run
from segcert.errors import ExecutedCodeWarning, InputError, ModelError
from segcert.models.opening import kind_of
from segcert.models.reference import ModelReference
from segcert.models.shipped import open_model

NET = """
from torch import nn
from beside import CLASSES

def make():
    net = nn.Conv2d(3, CLASSES, 1, bias=False)
    nn.init.constant_(net.weight, 0.1)
    return net.eval()

def broken():
    return 1 / 0

def wrapped():
    import segcert
    return segcert.as_segmenter(make(), binary=False, class_names=("a", "b"))

def number():
    return 3
"""
BATCH = torch.rand(1, 3, 8, 12)

pytestmark = pytest.mark.filterwarnings("ignore::segcert.errors.ExecutedCodeWarning")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "beside", None)
    monkeypatch.delitem(__import__("sys").modules, "beside")
    (tmp_path / "beside.py").write_text("CLASSES = 2")
    path = tmp_path / "net.py"
    path.write_text(NET)
    return path


def test_the_network_is_made_and_named_after_its_file(file: Path) -> None:
    with pytest.warns(ExecutedCodeWarning, match=r"net\.py is executed"):
        segmenter = open_model("net.py:make")
    assert segmenter.name == "net"
    assert segmenter.output(BATCH).shape == (1, 2, 8, 12)  # type: ignore[union-attr]
    assert kind_of(Path("net.py:make")) == "Python code of your own, which is executed"
    assert open_model(f"{file}:make").identity_sha256 == segmenter.identity_sha256
    assert ModelReference("net.py:make").absolute().name == f"{file}:make"


def test_the_file_and_the_weights_are_part_of_the_identity(file: Path) -> None:
    first = open_model("net.py:make")
    file.write_text(NET.replace("0.1", "0.2"))
    second = open_model("net.py:make")
    file.write_text(NET + "# another comment\n")
    third = open_model("net.py:make")
    assert len({one.identity_sha256 for one in (first, second, third)}) == 3
    assert len({one.weights_sha256 for one in (first, second, third)}) == 3


def test_it_may_wrap_the_network_itself_or_have_a_sidecar(file: Path) -> None:
    assert open_model("net.py:wrapped").class_names == ("a", "b")
    file.with_suffix(".toml").write_text('channels = "bgr"\nclasses = ["x", "y"]\n')
    assert open_model("net.py:make").name == "net[channels=bgr]"
    with pytest.raises(InputError, match="as_segmenter: say channels, classes there"):
        open_model("net.py:wrapped")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("net.py", r"net\.py is Python code: name the function .*net\.py:make"),
        ("net.py:other", "there is no function other in"),
        ("net.py:CLASSES", "there is no function CLASSES"),
        ("net.py:broken", r"cannot be made: ZeroDivisionError: division by zero \(net\.py, line 1"),
        ("net.py:number", "a model must be callable, got int"),
        ("none.py:make", "does not exist"),
        ("bad.py:make", r"cannot be made: SyntaxError"),
    ],
)
def test_what_cannot_be_made_is_one_line(file: Path, name: str, said: str) -> None:
    file.with_name("bad.py").write_text("def make(:\n")
    with pytest.raises((InputError, ModelError), match=said) as caught:
        open_model(name)
    assert "\n" not in str(caught.value)


def test_on_the_command_line_it_is_said_that_it_is_executed_and_replays(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (12, 8), (90, 90, 90)).save("img.png")
    few = ["--n0", "2", "--n", "20", "--tau", "0.5", "--alpha", "0.5"]
    words = ["certify", "img.png", "--model", "net.py:make", *few, "--out", "o"]
    assert run([*words, "--channels", "bgr"]) == 0
    said = capsys.readouterr().err
    assert said.count("note: net.py is executed: its code can do whatever you can do") == 1
    assert sc.load_certificate("o/img").provenance.model == "net[channels=bgr]"
    replay = ["verify", "o/img", "--replay", "--image", "img.png", "--model", "net.py:make"]
    assert run(replay) == 0
    file.write_text(NET + "# changed\n")
    assert run(replay) == 1
