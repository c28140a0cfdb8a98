"""Change the code in one place at a time; the test that is named must notice.

python -m experiments.mutants                       (all: about ten seconds each on one core)
python -m experiments.mutants --only ordered --jobs 2

`mutants.toml` lists them: file, what stands there (once), what is put in its place, the test that
kills it. A mutant that no test can kill says why in `survives`. Exits with status 1 if another one
survives, or one no longer fits the code.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from cyclopts import App

from segcert.cli.progress import DrawProgress
from segcert.cli.shell import messages, results

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("mutants.toml")
PATIENCE = 1800  # seconds for one test; a mutant may loop for ever

app = App(help=__doc__)


@dataclass(frozen=True)
class Mutant:
    """One change of the code.

    Args:
        file: Below ``src/segcert``.
        old: What stands there, exactly once.
        new: What is put in its place.
        test: The test, file or node, that has to fail.
        survives: Why no test can notice it, if that is so.
    """

    file: str
    old: str
    new: str
    test: str
    survives: str = ""

    @property
    def name(self) -> str:
        """File and change, in one line."""
        return " ".join(f"{self.file}: {self.old} -> {self.new}".split())

    def applied(self, text: str) -> str:
        """The changed text of the file.

        Raises:
            ValueError: If the old text is not there exactly once.
        """
        found = text.count(self.old)
        if found != 1 or self.old == self.new:
            raise ValueError(f"{self.name}: the old text is there {found} times")
        return text.replace(self.old, self.new)


def listed() -> list[Mutant]:
    """All mutants of the list."""
    return [Mutant(**entry) for entry in tomllib.loads(LIST.read_text())["mutant"]]


def verdict(mutant: Mutant) -> str:
    """Change a copy of the package and run the test: killed, survived, or what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "src"
        shutil.copytree(
            ROOT / "src", source, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
        )
        path = source / "segcert" / mutant.file
        try:
            path.write_text(mutant.applied(path.read_text()))
        except (OSError, ValueError) as error:
            return f"does not fit: {error}"
        return answer(mutant.test, source)


def answer(test: str, source: Path) -> str:
    """Run a test on the package in a folder."""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", test]
    settings = {"PYTHONDONTWRITEBYTECODE": "1", "SEGCERT_CASES": "all"}
    env = os.environ | settings | {"PYTHONPATH": str(source)}
    try:
        done = subprocess.run(
            command, cwd=ROOT, env=env, capture_output=True, text=True, check=False,
            timeout=PATIENCE,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "killed"
    if done.returncode == 0:
        return "survived"
    noticed = done.returncode == 1 or "ImportError" in done.stdout or "Error" in done.stdout
    return "killed" if noticed else f"does not run: {done.stdout.strip().splitlines()[-1:]}"


@app.default
def mutants(*, only: str = "", jobs: int = 1) -> None:
    """Print each verdict and the score.

    Args:
        only: Words that the file or the test must hold.
        jobs: Tests that run side by side.
    """
    chosen = [one for one in listed() if only in one.file or only in one.test]
    clean = sorted({one.test for one in chosen})
    found: list[str] = []
    with DrawProgress(messages) as progress, ThreadPoolExecutor(jobs) as pool:
        total = len(clean) + len(chosen)
        unchanged = dict(
            zip(clean, pool.map(lambda test: answer(test, ROOT / "src"), clean), strict=True)
        )
        for done, text in enumerate(pool.map(verdict, chosen), 1):
            found.append(text)
            progress("mutants", len(clean) + done, total)
    for test, text in unchanged.items():
        if text != "survived":
            results.print(f"fails without any mutant: {test}", markup=False)
    for mutant, text in zip(chosen, found, strict=True):
        reason = f" ({mutant.survives})" if mutant.survives else ""
        results.print(f"{text:9} {mutant.name}{reason}", markup=False, soft_wrap=True)
    kept = [one for one, text in zip(chosen, found, strict=True) if right(one, text)]
    tally = Counter(found)
    results.print(
        f"{tally['killed']} of {len(chosen)} mutants killed, {tally['survived']} survived, "
        f"{sum(bool(one.survives) for one in chosen)} of them with a reason"
    )
    broken = any(text != "survived" for text in unchanged.values())
    sys.exit(1 if broken or len(kept) < len(chosen) else 0)


def right(mutant: Mutant, text: str) -> bool:
    """Whether a verdict is the one that the list expects."""
    return text == ("survived" if mutant.survives else "killed")


if __name__ == "__main__":
    app()
