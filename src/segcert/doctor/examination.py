"""All findings about an installation, as one value and as JSON."""

import json
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version

from segcert.doctor.checks import Check, run_checks
from segcert.doctor.machine import (
    PACKAGE,
    Backend,
    Device,
    Packages,
    Room,
    backends,
    confinement,
    devices,
    libraries,
    packages,
    rooms,
)


@dataclass(frozen=True)
class Examination:
    """All findings.

    Args:
        segcert: Version of this package.
        python: Version of Python.
        platform: The operating system.
        devices: Where models can run.
        backends: What can run them.
        packages: What is needed, and the extras.
        rooms: Folders that are written to.
        checks: The self-test.
        confined: What confines programs of others; empty if nothing does.
        libraries: What models of others import, where it is installed, and whether it works.
    """

    segcert: str
    python: str
    platform: str
    devices: tuple[Device, ...]
    backends: tuple[Backend, ...]
    packages: tuple[Packages, ...]
    rooms: tuple[Room, ...]
    checks: tuple[Check, ...]
    confined: str = ""
    libraries: tuple[Backend, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the whole self-test is right."""
        return all(check.passed for check in self.checks)


def examine() -> Examination:
    """Look at everything, and run the self-test."""
    return Examination(
        segcert=version(PACKAGE),
        python=platform.python_version(),
        platform=platform.platform(terse=True),
        devices=devices(),
        backends=backends(),
        packages=packages(),
        rooms=rooms(),
        checks=run_checks(),
        confined=confinement(),
        libraries=libraries(),
    )


def as_json(found: Examination) -> str:
    """Write all findings for machines; format version 1."""
    head = {"format": "segcert doctor", "version": 1, "passed": found.passed}
    return json.dumps(head | asdict(found), indent=2)
