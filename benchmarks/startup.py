"""What `segcert` costs around the draws: its help, its imports, and one certificate.

python -m benchmarks.startup            (a few minutes: every line is a process of its own)

Processor time, as other work on the machine then counts for little; medians of processes that are
run in turn. Each has its compiled modules at hand, and one thread.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from benchmarks.timing import Timing, console, print_timings
from segcert_scenes.streets import street_scene

REPEATS = 5
SIZE = (360, 480)  # height, width
DRAWS = ("--n0", "10", "--n", "100", "--seed", "1")
HELP_GOAL, BEYOND_GOAL = 0.15, 0.5  # seconds
COMMANDS = {
    "python -c pass": ("-c", "pass"),
    "python -c 'import cyclopts'": ("-c", "import cyclopts"),
    "python -c 'import torch'": ("-c", "import torch"),
    "python -c 'import segcert'": ("-c", "import segcert"),
    "segcert --help": ("-m", "segcert", "--help"),
    "segcert --version": ("-m", "segcert", "--version"),
    "segcert certify --help": ("-m", "segcert", "certify", "--help"),
}


def processor_seconds(words: Sequence[str], environment: dict[str, str]) -> float:
    """Run Python with these words; what it and its children computed."""
    with subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.DEVNULL, env=environment
    ) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"python {' '.join(words)} ended with status {process.returncode}")
    return used.ru_utime + used.ru_stime


def print_help(environment: dict[str, str]) -> None:
    """Print what help, version and imports cost."""
    found: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for repeat in range(REPEATS + 1):
        for name, words in COMMANDS.items():
            seconds = processor_seconds(words, environment)
            if repeat:
                found[name].append(seconds)
    print_timings(
        f"processor time of a process; goal of --help {HELP_GOAL * 1e3:.0f} ms",
        [Timing(name, tuple(seconds)) for name, seconds in found.items()],
        baseline="python -c 'import cyclopts'",
    )


def print_certificate(environment: dict[str, str]) -> None:
    """Print where the processor time of `segcert certify` goes, on one image."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "street.png"
        scene = street_scene(6, height=SIZE[0], width=SIZE[1])
        Image.fromarray(scene.image).save(image)
        runs = [
            parts_of_certificate(image, Path(folder) / f"out{repeat}", environment)
            for repeat in range(REPEATS + 1)
        ][1:]
    timings = [Timing(part, tuple(run[part] for run in runs)) for part in runs[0]]
    beyond = [sum(run.values()) - run["imports"] - run["draws"] for run in runs]
    print_timings(
        f"segcert certify, {SIZE[1]}x{SIZE[0]}, {' '.join(DRAWS)}: processor time by part",
        [*timings, Timing("all but imports and draws", tuple(beyond))],
        baseline="draws",
    )
    console.print(
        f"beyond imports and draws: {statistics.median(beyond):.2f} s; goal {BEYOND_GOAL} s\n"
    )


def parts_of_certificate(image: Path, out: Path, environment: dict[str, str]) -> dict[str, float]:
    """Certify in a process of its own; processor seconds by part."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.startup_parts", image, "--out", out, *DRAWS],
        stdout=subprocess.PIPE, env=environment, check=True, text=True,
    )  # fmt: skip
    parts: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return parts


def main() -> None:
    """Print both tables."""
    with tempfile.TemporaryDirectory() as compiled:
        environment = os.environ | {"PYTHONPYCACHEPREFIX": compiled, "OMP_NUM_THREADS": "1"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        print_help(environment)
        print_certificate(environment)


if __name__ == "__main__":
    main()
