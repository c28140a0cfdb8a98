"""Run the default suite where luck would show: under load, in random order, on other kernels.

``make test-anywhere`` runs it: a clone in a folder with spaces in its name, with an environment
of its own, and there the suite three times, each time in another random order beside a busy loop
for each processor, with one thread and with four, with the kernels of the processor and with the
plainest ones of torch, oneDNN and MKL. It ends with the first run that fails.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUNS = {
    "the processor's kernels, one thread": {"THREADS": "1"},
    "torch's plainest kernels, one thread": {"THREADS": "1", "ATEN_CPU_CAPABILITY": "default"},
    "oneDNN's and MKL's plainest kernels, four threads": {
        "THREADS": "4",
        "ONEDNN_MAX_CPU_ISA": "SSE41",
        "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
        "MKL_DEBUG_CPU_TYPE": "4",
    },
}


def main() -> None:
    """Run the suite three times; the seed of the first order may be given.

    Raises:
        SystemExit: With the status of the first run that fails.
    """
    first = int(sys.argv[1]) if len(sys.argv) > 1 else int.from_bytes(os.urandom(2))
    with tempfile.TemporaryDirectory(prefix="a path with spaces ") as folder:
        clone = Path(folder) / "segcert"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        subprocess.run(["make", ".venv/ready"], cwd=clone, check=True)
        for seed, (name, settings) in enumerate(RUNS.items(), start=first):
            print(f"\n{name}, order {seed}", flush=True)
            with busy():
                status = suite(clone, settings, seed)
            if status:
                raise SystemExit(status)


@contextmanager
def busy() -> Iterator[None]:
    """Keep each processor busy with something else."""
    loops = [
        subprocess.Popen([sys.executable, "-c", "while True: pass"])
        for _ in range(os.cpu_count() or 1)
    ]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def suite(clone: Path, settings: dict[str, str], seed: int) -> int:
    """Run the suite in the order of a seed.

    Args:
        clone: Where.
        settings: Variables of the environment.
        seed: Of the order.

    Returns:
        Exit status.
    """
    options = f"-p randomly -p no:cacheprovider --randomly-seed={seed}"
    data = {"SEGCERT_DATA": str(ROOT.parent / "shared" / "data")} | dict(os.environ)
    return subprocess.run(
        ["make", "test", f"PYTEST={options}"], cwd=clone, env=data | settings, check=False
    ).returncode


if __name__ == "__main__":
    main()
