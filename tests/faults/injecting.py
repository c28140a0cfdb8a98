"""Fail a command at each point that it reaches, one after the other, as SQLite's own tests do.

``python injecting.py COMMANDS FOLDER MOST [SEED]``, of each command: a first run counts the
points; then each run fails at one of them, and the same command again must end as if nothing had
been. A point is a call that may find no memory (of the model, of an operation of torch, of SQLite)
or no disk (opening, writing, synchronising, renaming, removing, listing of files under the folder,
a statement of SQLite). Points of one place, which is a kind of call and a line of ours, count as
one; MOST of the places are tried, drawn by the seed, or all of them if it is 0. A fault comes once,
or from the point on for ever.

Children are forked from a process that has imported everything and started no thread.
"""

import errno
import io
import os
import pickle
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
import torch._dynamo  # as the first operation under a dispatch mode would
from forked import in_child
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode

sys.path.append(str(Path(__file__).parents[1]))

from every_module import import_every_module
from toy_training import toy_set

import segcert as sc
from segcert.cli.main import run
from segcert.data import sets
from segcert.models.files.checkpoints import Description, load_weights, save_weights
from segcert.models.nets.depthwise import DepthwiseNet
from segcert.runs.evaluate import load_results
from segcert.training import resume

FILES = (
    "open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod", "os.listdir",
    "os.scandir", "sqlite3.connect",
)  # fmt: skip
DISK, MEMORY = "disk", "memory"
SOURCE = str(Path(sc.__file__).parent)


Place = tuple[str, str, str]  # kind, call, line of ours


class Points:
    """Counts points, and fails at one of them, or at all from there on."""

    def __init__(self, folder: Path, at: int = 0, *, for_ever: bool = False) -> None:
        self.folder, self.at, self.for_ever = str(folder), at, for_ever
        self.places: list[Place] = []
        self.passed, self.active, self.failed = 0, False, ""

    def pass_by(self, kind: str, what: str, error: Callable[[], BaseException]) -> None:
        """Reach a point."""
        if not self.active:
            return
        self.passed += 1
        if not self.at:
            self.places.append((kind, what, line_of_ours()))
        elif self.passed == self.at or (self.for_ever and self.failed == kind):
            self.failed = kind
            raise error()

    def disk(self, what: str, path: object) -> None:
        self.pass_by(DISK, what, lambda: OSError(errno.EIO, os.strerror(errno.EIO), str(path)))

    def memory(self, what: str) -> None:
        self.pass_by(MEMORY, what, MemoryError)

    def hear(self, event: str, arguments: tuple[object, ...]) -> None:
        """A hook of the interpreter; what lies elsewhere does not count."""
        if self.active and event in FILES and self.folder in str(arguments[0]):
            self.disk(event, arguments[0])


def line_of_ours() -> str:
    """The line of the package that is being executed."""
    frame = sys._getframe(2)
    while frame and not frame.f_code.co_filename.startswith(SOURCE):
        frame = frame.f_back
    return f"{frame.f_code.co_filename.removeprefix(SOURCE)}:{frame.f_lineno}" if frame else ""


class Operations(TorchDispatchMode):
    """Every operation of torch may find no memory."""

    def __init__(self, points: Points) -> None:
        super().__init__()
        self.points = points

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.points.memory(str(func))
        return func(*args, **(kwargs or {}))


WATCHING: list[Points] = []
FORWARD = DepthwiseNet.forward


def cheap(net: DepthwiseNet, batch: torch.Tensor) -> torch.Tensor:
    """A network that costs nothing, but while it is trained."""
    for points in WATCHING:
        points.memory("model")
    return FORWARD(net, batch) if torch.is_grad_enabled() else batch * net.classify.bias[0]


@contextmanager
def watched(points: Points) -> Iterator[None]:
    """Let all kinds of points be passed by."""
    sys.addaudithook(points.hear)

    class File(io.BufferedWriter):
        def write(self, data: Any) -> int:
            points.disk("write", self.name)
            return super().write(data)

    real = os.fdopen

    def fdopen(handle: int, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if mode == "wb":
            return File(io.FileIO(handle, mode))
        return real(handle, mode, *arguments, **options)

    def fsync(handle: int) -> None:
        points.disk("fsync", handle)

    class Store(sqlite3.Connection):
        def execute(self, *arguments: Any) -> sqlite3.Cursor:
            points.memory("sqlite")
            points.pass_by(DISK, "sqlite", lambda: sqlite3.OperationalError("disk I/O error"))
            return super().execute(*arguments)

        executemany: ClassVar[Any] = lambda self, *a: (
            points.memory("sqlite many"), sqlite3.Connection.executemany(self, *a)
        )[1]  # fmt: skip

    connect = sqlite3.connect
    os.fdopen, os.fsync = fdopen, fsync  # type: ignore[assignment]
    sqlite3.connect = lambda *a, **k: connect(*a, **({"factory": Store} | k))  # type: ignore
    WATCHING.append(points)
    with Operations(points):
        points.active = True
        try:
            yield
        finally:
            points.active = False


NEEDED = {
    "attack": [("certify", "certified")], "verify": [("certify", "certified")],
    "report": [("evaluate", "run")],
}  # fmt: skip


def inputs(folder: Path, command: str) -> None:
    """What commands read: photographs, their labels, a network; a certificate, a run."""
    rng = np.random.default_rng(3)
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for name in ("one", "two"):
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(
            folder / "images" / f"{name}.png"
        )
        Image.fromarray(rng.integers(0, 3, (32, 32), np.uint8)).save(
            folder / "masks" / f"{name}.png"
        )
    (folder / "names.txt").write_text("road\ncar\nsky\n")
    about = Description(
        classes=("road", "car", "sky"), palette=((1, 1, 1), (2, 2, 2), (3, 3, 3)), sigma=0.25,
        data="nothing", licence="Apache-2.0", training={"epochs": 0},
    )  # fmt: skip
    torch.manual_seed(0)
    net = DepthwiseNet(3).eval()
    with torch.no_grad():
        net.classify.bias[0] = 1.0
    save_weights(folder / "net.safetensors", net, about)
    for made, out in NEEDED.get(command, ()):
        assert in_child(lambda: run(line(made, folder, folder / out))) == 0, made  # noqa: B023


def line(command: str, folder: Path, out: Path) -> list[str]:
    """The command line of a command."""
    weights, photo = folder / "net.safetensors", folder / "images" / "one.png"
    draws = ["--n0", 2, "--n", 20, "--tau", 0.6, "--alpha", 0.1, "--seed", 5]
    draws += ["--batch-size", 1, "--device", "cpu", "--model", weights]
    made = folder / "certified" / "one"
    words: list[object] = {
        "certify": ["certify", folder / "images", *draws, "--out", out],
        "evaluate": ["evaluate", "--data", "folder", "--images", folder / "images", "--masks",
                     folder / "masks", "--classes", folder / "names.txt", *draws, "--out", out],
        "train": ["train", "--data", "synthetic", "--epochs", 2, "--batch-size", 2,
                  "--crop", 32, 32, "--device", "cpu", "--out", out / "net.safetensors"],
        "report": ["report", folder / "run", "--out", out],
        "attack": ["attack", photo, "--certificate", made, "--smoothed", weights, "--steps", 2,
                   "--restarts", 1, "--n", 8, "--seed", 5, "--device", "cpu", "--out", out],
        "verify": ["verify", made, "--replay", "--image", photo, "--model", weights],
    }[command]  # fmt: skip
    return [str(word) for word in words]


VARIES = {  # files with times in them
    "evaluate": ("records.sqlite",),
    "report": ("report.html",),
    "attack": ("attack.json",),  # and fresh noise
}


def tree(command: str, folder: Path) -> dict[str, bytes]:
    """All files, hidden ones too, but those that hold times."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in VARIES.get(command, ())
    }


def whole(command: str, out: Path) -> None:
    """What looks like a result is one."""
    for path in out.glob("*/certificate.json"):
        sc.load_certificate(path.parent)
        found = {file.name for file in path.parent.iterdir()}
        assert found >= {"counts.npz", "labels.png", "overlay.png", "report.html"}, found
    if command == "evaluate" and (out / "records.sqlite").exists():
        with suppress(sc.InputError):  # nothing is in it yet; a changed row is another error
            load_results(out)
    for path in out.glob("*.safetensors"):
        load_weights(path)
    for path in out.glob("*.resume.pt"):
        resume.read(path)
    for path in out.glob("*.png"):
        Image.open(path).load()


def faulty(command: str, folder: Path, out: Path, points: Points, said: Path) -> int:
    """Run a command with a fault; what it says, and the points that it passed, go to a file."""
    resume.time.monotonic = lambda: 0.0
    outputs = sys.stdout, sys.stderr = io.StringIO(), io.StringIO()
    with watched(points):
        status = run(line(command, folder, out))
    report = (status, outputs[1].getvalue(), points.places, points.failed)
    said.write_bytes(pickle.dumps(report))
    return 0


def attempt(
    command: str, folder: Path, out: Path, at: int = 0, *, for_ever: bool = False
) -> tuple[int, str, list[Place], str]:
    """Status, messages, places and the fault of one run."""
    said = folder.parent / "said"
    points = Points(folder, at, for_ever=for_ever)
    assert in_child(lambda: faulty(command, folder, out, points, said)) == 0
    found: tuple[int, str, list[Place], str] = pickle.loads(said.read_bytes())
    return found


Try = tuple[int, bool]  # point, and whether the fault stays


def drawn(tries: list[Try], kinds: list[str], most: int, seed: int) -> list[Try]:
    """Draw faults, as many of the disk as of the memory."""
    rng, found = np.random.default_rng(seed), list[Try]()
    for kind in (DISK, MEMORY):
        among = [one for one, its in zip(tries, kinds, strict=True) if its == kind]
        found += [among[k] for k in rng.choice(len(among), min(most // 2, len(among)), False)]
    return sorted(found)


def main(command: str, folder: Path, most: int, seed: int = 0) -> None:
    inputs_at = folder / command / "work"
    inputs_at.mkdir(parents=True)
    inputs(inputs_at, command)
    expected = inputs_at / "expected"
    expected.mkdir()
    status, said, places, _ = attempt(command, inputs_at, expected)
    assert status == 0, said
    first = {place: number for number, place in reversed([*enumerate(places, 1)])}
    tries = [(at, for_ever) for at in sorted(first.values()) for for_ever in (False, True)]
    if most:
        tries = drawn(tries, [places[at - 1][0] for at, _ in tries], most, seed)
    assert {places[at - 1][0] for at, _ in tries} == {DISK, MEMORY}
    result = tree(command, expected)
    for at, for_ever in tries:
        kind, what, where = places[at - 1]
        name = f"{kind} at {what}, {where}, point {at} of {len(places)}{' and on' * for_ever}"
        place = inputs_at / "out"
        place.mkdir()
        status, said, _, failed = attempt(command, inputs_at, place, at, for_ever=for_ever)
        assert failed, (name, status, said)
        lines = [one for one in said.splitlines() if not one.startswith("note")]
        assert "Traceback" not in said, (name, said)
        if status:
            assert status in (1, 2), (name, status, said)
            assert len([one for one in lines if one.startswith("segcert: ")]) == 1, (name, said)
            assert lines[-1].startswith("segcert: "), (name, said)
        else:
            assert tree(command, place) == result, (name, "ended well, with another result")
        assert in_child(lambda: whole(command, place) or 0) == 0, (name, said)  # noqa: B023
        status, said, _, _ = attempt(command, inputs_at, place)
        assert status == 0, (name, said)
        found = tree(command, place)
        wrong = [key for key in {*found, *result} if found.get(key) != result.get(key)]
        assert not wrong, (name, wrong)
        for path in sorted(place.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        place.rmdir()
        print(f"failed: {name}", flush=True)
    among = f"{2 * len(first)} faults at {len(places)} points"
    print(f"{command}: tried {len(tries)} of {among}", flush=True)


if __name__ == "__main__":
    torch.set_num_threads(1)
    import_every_module()
    DepthwiseNet.forward = cheap  # type: ignore[method-assign]
    sets.open_training_set = lambda *_, **__: toy_set(2)
    for command in sys.argv[1].split(","):
        main(command, Path(sys.argv[2]), int(sys.argv[3]), *map(int, sys.argv[4:5]))
