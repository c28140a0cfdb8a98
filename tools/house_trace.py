"""What a small run passes through: functions of ours, and which files it opens, from where.

Each run has an interpreter of its own, and a hook there that hears every file that Python opens.
Weights are opened by safetensors itself, which is made to say so. Functions that run while a
module is imported do not count.
"""

import inspect
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

SOURCE = Path(__file__).resolve().parents[1] / "src"
INPUT, WEIGHTS, RESULT = "photo.png", ".safetensors", "trace.json"
SIZE = (96, 64)  # width and height of the input, pixels
N0, N = 2, 60  # draws


@dataclass(frozen=True)
class Trace:
    """What a run passed through, all threads together."""

    functions: int
    files: int
    depth: int  # most functions of ours that were under way together
    opens: dict[str, list[str]]  # name of a file: one chain of callers per opening


def trace(task: str) -> Trace:
    """Run one of TASKS in an interpreter of its own.

    Raises:
        SystemExit: If it fails, with what it said.
    """
    alone = {"PYTHONPATH": str(SOURCE), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, str(Path(__file__).resolve()), task]
        ended = subprocess.run(
            words, cwd=folder, env=os.environ | alone, capture_output=True, text=True, check=False
        )
        if ended.returncode:
            raise SystemExit(f"{task} cannot be traced: {ended.stderr}")
        return Trace(**json.loads((Path(folder) / RESULT).read_text("utf-8")))


def main() -> None:
    """Run the named task in this interpreter and folder, and write what it passed through."""
    prepare, ear, steps = TASKS[sys.argv[1]], Ear(), Steps()
    draw()
    sys.addaudithook(ear.hear)
    let_safetensors_speak()
    task = prepare()
    ear.awake = True
    threading.setprofile(steps.see)
    sys.setprofile(steps.see)
    task()
    sys.setprofile(None)
    found = Trace(len(steps.seen), len({file for file, _ in steps.seen}), steps.depth, ear.at)
    Path(RESULT).write_text(json.dumps(asdict(found)), "utf-8")


def one_call() -> Callable[[], object]:
    """Prepare ``sc.certify_image``."""
    import segcert as sc

    return lambda: sc.certify_image("camvid", INPUT, n0=N0, n=N, seed=0, device="cpu")


def command() -> Callable[[], object]:
    """Prepare ``segcert certify``."""
    from segcert.cli.main import run

    words = f"certify {INPUT} --model camvid --n0 {N0} --n {N} --seed 0 --device cpu"

    def certify() -> None:
        if status := run(words.split()):
            raise SystemExit(status)

    return certify


TASKS = {"sc.certify_image": one_call, "segcert certify": command}


class Steps:
    """Counts functions of ours, and how deep they call each other."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, str]] = set()
        self.depth = 0
        self.here = threading.local()  # depth and imports of this thread

    def see(self, frame: FrameType, event: str, _: object) -> None:
        """Take note of one event of `sys.setprofile`."""
        if event not in ("call", "return"):
            return
        code, step, here = frame.f_code, 1 if event == "call" else -1, vars(self.here)
        if code.co_name == "<module>":
            here["imports"] = here.get("imports", 0) + step
        elif is_ours(code) and not here.get("imports"):
            here["depth"] = here.get("depth", 0) + step
            self.depth = max(self.depth, here["depth"])
            self.seen.add((code.co_filename, code.co_qualname))


@cache
def is_ours(code: CodeType) -> bool:
    """Tell functions of ours; lambdas, comprehensions and bodies of classes are none."""
    function = code.co_flags & inspect.CO_OPTIMIZED and not code.co_name.startswith("<")
    return bool(function) and Path(code.co_filename).is_relative_to(SOURCE)


class Ear:
    """Hears where the input and weight files are opened."""

    def __init__(self) -> None:
        self.awake = False
        self.at: dict[str, list[str]] = {}

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Take note of one event of `sys.audit`."""
        if not self.awake or event != "open" or not isinstance(arguments[0], (str, os.PathLike)):
            return
        name = Path(arguments[0]).name
        if name == INPUT or name.endswith(WEIGHTS):
            self.at.setdefault(name, []).append(chain(sys._getframe(1)))


def chain(frame: FrameType | None) -> str:
    """Name the functions of ours that are under way, the first call first."""
    names: list[str] = []
    while frame:
        if is_ours(frame.f_code):
            file = Path(frame.f_code.co_filename).relative_to(SOURCE)
            names.append(f"{file.as_posix()}:{frame.f_lineno} {frame.f_code.co_qualname}")
        frame = frame.f_back
    return " > ".join(reversed(names))


def let_safetensors_speak() -> None:
    """Have it say which file it opens, as Python's own ``open`` does."""
    import safetensors
    import safetensors.torch

    silent = safetensors.safe_open

    def safe_open(path: str | Path, *given: Any, **named: Any) -> Any:
        sys.audit("open", path, "rb", 0)
        return silent(path, *given, **named)

    for module in (safetensors, safetensors.torch):
        vars(module)["safe_open"] = safe_open


def draw() -> None:
    """Draw the input: a dark and a bright half, with texture."""
    import numpy as np
    from PIL import Image

    width, height = SIZE
    pixels = np.random.default_rng(0).integers(0, 64, (height, width, 3), dtype=np.uint8)
    pixels[:, width // 2 :] += 128
    Image.fromarray(pixels).save(INPUT)


if __name__ == "__main__":
    main()
