"""Try a built wheel as a stranger would: in a new environment and an empty folder.

``make test-wheel`` runs it. The wheel must hold every file of its packages that git knows, install
with the versions of ``constraints.txt``, certify the demo and prove its certificate again.
"""

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path
from zipfile import ZipFile

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = (
    ["--version"],
    ["doctor"],
    ["models"],
    ["demo", "--out", "demo"],
    ["verify", "demo/street6"],
    ["demo", "--points", "--out", "demo-points"],
)


def main() -> None:
    """Try the wheel of the folder that is given.

    Raises:
        SystemExit: If there is not one wheel, a file is missing in it, or a command fails.
    """
    wheels = sorted(Path(sys.argv[1]).resolve().glob("segcert-*.whl"))
    if len(wheels) != 1:
        raise SystemExit(f"{sys.argv[1]} holds {len(wheels)} wheels of segcert, not 1: make wheel")
    missing = files_of_packages() - files_of_wheel(wheels[0])
    if missing:
        raise SystemExit(f"{wheels[0].name} lacks {', '.join(sorted(missing))}")
    with tempfile.TemporaryDirectory() as folder:
        program = install(wheels[0], Path(folder) / "env")
        desk = Path(folder) / "desk"
        desk.mkdir()
        for arguments in COMMANDS:
            print("$ segcert", *arguments, flush=True)
            call([str(program), *arguments], desk)
    print(f"{wheels[0].name} installs, certifies and verifies")


def files_of_packages() -> set[str]:
    """Name the files of the packages that git knows."""
    listed = subprocess.check_output(["git", "ls-files", "src"], cwd=ROOT, text=True)
    return {line.removeprefix("src/") for line in listed.splitlines()}


def files_of_wheel(wheel: Path) -> set[str]:
    """Name the files in a wheel."""
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def install(wheel: Path, folder: Path) -> Path:
    """Install a wheel into a new environment, torch first and alone, and give its program."""
    venv.create(folder, with_pip=True)
    pip = [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    for what in ("torch", str(wheel)):
        call([*pip, "-c", str(ROOT / "constraints.txt"), what], ROOT)
    return folder / "bin" / "segcert"


def call(words: list[str], folder: Path) -> None:
    """Run a command that knows nothing of this checkout.

    Raises:
        SystemExit: If it fails.
    """
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    status = subprocess.run(words, cwd=folder, env=clean, check=False).returncode
    if status:
        raise SystemExit(f"{' '.join(words)} ended with status {status}")


if __name__ == "__main__":
    main()
