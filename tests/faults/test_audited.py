"""Whole commands on hostile files, under the eyes of the interpreter's own audit.

Whatever the file, nothing is written outside the results and the temporary folder, nothing is
read in a place that only the file names, no address is asked, and no program runs but our own
confined one.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from foreign_models import free_sizes, segformer, tiny, write_folder, write_onnx
from hostile_programs import NoGrad, calls, changed, expression, guard
from PIL import Image

AUDITED = Path(__file__).with_name("audited.py")
TOUCHES = ("write", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink")
ASKS = ("socket.connect", "socket.bind", "socket.getaddrinfo", "socket.gethostbyname")
RUNS = ("os.system", "os.exec", "os.posix_spawn", "subprocess.Popen")


def program(folder: Path, change: Callable[[Path], Any] | None, secret: Path) -> Path:
    """An exported program, with something in it that names the secret."""
    sizes = (free_sizes(),)
    exported = torch.export.export(
        NoGrad().eval(), (torch.rand(2, 3, 32, 48),), dynamic_shapes=sizes
    )
    torch.export.save(exported, folder / "good.pt2")
    if change is None:
        return folder / "good.pt2"
    return changed(folder / "good.pt2", folder, change(secret))


def writes(secret: Path) -> Any:
    place = {"as_string": str(secret)}
    return calls("torch.ops.aten.from_file.default", place, {"as_bool": True}, {"as_int": 64})


def code(secret: Path) -> str:
    return f"__import__('os').mkdir({str(secret)!r})"


def onnx_elsewhere(folder: Path, secret: Path) -> Path:
    onnx = pytest.importorskip("onnx")
    network = onnx.load(write_onnx(folder / "net.onnx", tiny()))
    tensor = network.graph.initializer[0]
    secret.write_bytes(onnx.numpy_helper.to_array(tensor).tobytes())
    tensor.ClearField("raw_data")
    tensor.ClearField("float_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", os.path.relpath(secret, folder)
    (folder / "net.onnx").write_bytes(network.SerializeToString())
    return folder / "net.onnx"


def folder_elsewhere(folder: Path, secret: Path) -> Path:
    pytest.importorskip("transformers")
    network = write_folder(folder / "net", segformer())
    weights = network / "model.safetensors"
    secret.write_bytes(weights.read_bytes())
    weights.rename(network / "model-00001-of-00002.safetensors")
    index = {"metadata": {}, "weight_map": {"classifier.bias": os.path.relpath(secret, network)}}
    (network / "model.safetensors.index.json").write_text(json.dumps(index))
    return network


def folder_that_asks(folder: Path, secret: Path) -> Path:
    pytest.importorskip("transformers")
    network = write_folder(folder / "net", segformer())
    config = json.loads((network / "config.json").read_text())
    config |= {
        "use_pretrained_backbone": True,
        "backbone": "resnet50",
        "_name_or_path": str(secret),
    }
    (network / "config.json").write_text(json.dumps(config))
    return network


HOSTILE: dict[str, Callable[[Path, Path], Path]] = {
    "a program that maps a file": lambda at, secret: program(at, writes, secret),
    "a guard that is code": lambda at, secret: program(at, lambda s: guard(code(s)), secret),
    "a size that is code": lambda at, secret: program(
        at, lambda s: expression(f"{code(s)} or 3"), secret
    ),
    "ONNX weights elsewhere": onnx_elsewhere,
    "a folder whose shards lie elsewhere": folder_elsewhere,
    "a folder that wants a download": folder_that_asks,
}


@dataclass(frozen=True)
class Seen:
    """What a command did, and what the audit saw of it."""

    status: int
    words: str
    events: list[list[str]]


def audited(folder: Path, *commands: list[str]) -> list[Seen]:
    """Run commands in one process, with a home and a temporary folder of their own."""
    scratch = str(folder / "scratch")
    (folder / "scratch").mkdir()
    done = subprocess.run(
        [sys.executable, "-B", AUDITED, json.dumps(commands)],
        capture_output=True, text=True, check=False, cwd=folder,
        env=os.environ | {"TMPDIR": scratch, "HOME": scratch, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [Seen(**json.loads(line)) for line in done.stdout.splitlines()]


def certify(model: Path, draws: int) -> list[str]:
    photo, out = str(model.parent / "photo.png"), f"out of {model.parent.name}"
    return ["certify", photo, "--model", str(model), "--n", str(draws), "--out", out]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where everything happens; beside it lies the secret, which only hostile files name."""
    return tmp_path_factory.mktemp("audited")


@pytest.fixture(scope="module")
def secrets(folder: Path) -> Path:
    (folder / "elsewhere").mkdir()
    return folder / "elsewhere"


def bag(folder: Path, number: int) -> Path:
    """A folder for a model, with a photograph."""
    made = folder / f"bag{number}"
    made.mkdir()
    Image.new("RGB", (48, 32), (10, 200, 30)).save(made / "photo.png")
    return made


@pytest.fixture(scope="module")
def seen(folder: Path, secrets: Path) -> dict[str, Seen]:
    """Each command on its file: the hostile ones, an honest one, and who verifies that."""
    models = [
        make(bag(folder, number), secrets / f"{number}")
        for number, make in enumerate(HOSTILE.values())
    ]
    honest = program(bag(folder, len(models)), None, secrets / "none")
    where = f"out of {honest.parent.name}"
    replayed = ["verify", f"{where}/photo", "--replay", "--image", str(honest.parent / "photo.png")]
    commands = [*(certify(model, 60) for model in models), certify(honest, 60), replayed]
    before = contents(secrets)
    names = [*HOSTILE, "honest", "replayed"]
    found = dict(zip(names, audited(folder, *commands), strict=True))
    assert contents(secrets) == before
    return found


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("kind", [*HOSTILE, "honest", "replayed"])
def test_nothing_is_touched_asked_or_run(kind: str, seen: dict[str, Seen], folder: Path) -> None:
    events = seen[kind].events
    assert events  # the audit works
    own = (str(folder / "out of "), str(folder / "scratch"), "/dev/", "/proc/self/")
    touched = [event for event in events if event[0] in TOUCHES]
    assert [event for event in touched if not event[1].startswith(own)] == []
    assert [event for event in events if event[1].startswith(str(folder / "elsewhere"))] == []
    assert [event for event in events if event[0] in ASKS] == []
    assert {path for event, path in events if event in RUNS} <= {sys.executable}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_model_is_refused_in_one_line(kind: str, seen: dict[str, Seen]) -> None:
    assert (seen[kind].status, seen[kind].words.count("\n")) == (2, 1), seen[kind].words


def test_an_honest_program_runs_confined_and_a_verifier_never_opens_it(
    seen: dict[str, Seen],
) -> None:
    """The audit sees our own program start; and no path that a certificate names is opened."""
    honest, replayed = seen["honest"], seen["replayed"]
    assert honest.status == 0, honest.words
    assert ["subprocess.Popen", sys.executable] in honest.events
    assert replayed.status == 2
    assert "--model" in replayed.words
    assert not [path for _, path in replayed.events if path.endswith(".pt2")]
