"""What this machine and this installation have: devices, backends, packages, room."""

import os
import platform
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

import torch

from segcert.errors import InputError
from segcert.models.backends.compiled import COMPILERS, has_compiler
from segcert.models.backends.openvino import import_openvino
from segcert.models.confined.confine import how
from segcert.models.files.broken_torchvision import version_found, why_not

PACKAGE = "segcert"
REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9._-]+)[^;]*(;.*extra\s*==\s*['\"](?P<extra>[\w-]+)['\"])?.*"
)


@dataclass(frozen=True)
class Device:
    """Where models can run.

    Args:
        name: As ``--device`` takes it.
        what: What it calls itself.
        memory: In bytes; 0 if unknown.
    """

    name: str
    what: str
    memory: int


@dataclass(frozen=True)
class Backend:
    """What can run a network.

    Args:
        name: As ``--backend`` takes it.
        available: Whether it can be used here.
        finding: Its version, or why not.
    """

    name: str
    available: bool
    finding: str


@dataclass(frozen=True)
class Packages:
    """Packages that belong together.

    Args:
        extra: Name of the extra; empty for what segcert always needs.
        versions: Versions by name; None where one is missing.
    """

    extra: str
    versions: dict[str, str | None]

    @property
    def complete(self) -> bool:
        """Whether all are there."""
        return None not in self.versions.values()

    @property
    def install(self) -> str:
        """The line that installs them."""
        return f"pip install '{PACKAGE}[{self.extra}]'" if self.extra else f"pip install {PACKAGE}"


@dataclass(frozen=True)
class Room:
    """A folder that is written to.

    Args:
        what: What it is for.
        path: The folder.
        writable: Whether files can be made in it.
        free: Bytes that are free.
    """

    what: str
    path: str
    writable: bool
    free: int


def devices() -> tuple[Device, ...]:
    """List the CPU, and the CUDA devices."""
    threads = torch.get_num_threads()
    cpu = f"{platform.machine()}, {os.cpu_count()} cores; PyTorch threads: {threads}"
    found = [Device("cpu", cpu, 0)]
    for number in range(torch.cuda.device_count()):
        about = torch.cuda.get_device_properties(number)
        found.append(Device(f"cuda:{number}", about.name, int(about.total_memory)))
    return tuple(found)


def backends() -> tuple[Backend, ...]:
    """Try what can run a network."""
    return (
        Backend("torch", True, f"PyTorch {torch.__version__}"),
        tried("compile", compiler),
        tried("onnx", onnx_runtime),
        tried("openvino", openvino),
    )


def confinement() -> str:
    """Say what confines programs in ``.pt2`` and ``.onnx`` files; empty if nothing does."""
    return "" if torch.cuda.is_available() else how()


def tried(name: str, look: Callable[[], str]) -> Backend:
    """Look for a backend; whatever it raises, it cannot be used."""
    try:
        return Backend(name, True, look())
    except Exception as error:  # broken installations fail in every way
        return Backend(name, False, why_not(error))


def libraries() -> tuple[Backend, ...]:
    """Try what others import where it is installed, and then fail with it."""
    if find_spec("torchvision") is None:
        return ()
    return (tried("torchvision", version_found),)


def compiler() -> str:
    """Find what ``torch.compile`` needs.

    Raises:
        InputError: If there is nothing that it could use.
    """
    if has_compiler():
        return "with a C++ compiler"
    if torch.cuda.is_available():
        return "on CUDA only: there is no C++ compiler"
    raise InputError(f"needs a C++ compiler ({', '.join(COMPILERS)})")


def onnx_runtime() -> str:
    """Import ONNX Runtime and say what it can use."""
    import onnxruntime

    providers = ", ".join(onnxruntime.get_available_providers())
    return f"ONNX Runtime {onnxruntime.__version__} ({providers})"


def openvino() -> str:
    """Import OpenVINO."""
    return f"OpenVINO {import_openvino().__version__}"


def packages() -> tuple[Packages, ...]:
    """List the packages that are needed, and those of each extra, with their versions."""
    return grouped(requires(PACKAGE) or [])


def grouped(lines: list[str]) -> tuple[Packages, ...]:
    """Group requirements as metadata have them, such as ``ray>=2.40; extra == "ray"``."""
    found: dict[str, dict[str, str | None]] = {"": {}}
    for line in lines:
        match = REQUIREMENT.fullmatch(line)
        if match:
            group = found.setdefault(match["extra"] or "", {})
            group[match["name"]] = installed(match["name"])
    return tuple(Packages(extra, versions) for extra, versions in found.items())


def installed(name: str) -> str | None:
    """Version of a package; None if it is missing."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def rooms() -> tuple[Room, ...]:
    """Look at the folder of the results and at that of temporary files."""
    return (room("results", Path.cwd()), room("temporary files", Path(tempfile.gettempdir())))


def room(what: str, path: Path) -> Room:
    """Try to make a file in a folder, and see what is free."""
    try:
        with tempfile.TemporaryFile(dir=path):
            writable = True
    except OSError:
        writable = False
    return Room(what, str(path), writable, shutil.disk_usage(path).free)
