"""Make this process one that can only compute: what it can still do, and for how long."""

import os
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from segcert.models.confined import landlock, seccomp

LIBRARIES = ("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib", "/etc/ld.so.cache")
MACHINE = ("/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system")
OPEN_FILES = 256


def how() -> str:
    """Say what confines programs of others here; empty if nothing does."""
    if not seccomp.is_known():
        return ""
    version = landlock.version()
    return f"seccomp, Landlock {version}" if version else "seccomp (no Landlock: files can be read)"


def confine(code: Sequence[str]) -> None:
    """Give up files but those of libraries, the network, other programs, writing; for good.

    Args:
        code: Folders with Python packages, which are read as they are needed.

    Raises:
        OSError: If the kernel refuses.
    """
    os.setsid()
    for limit in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(limit, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    if landlock.version():
        folders = (*code, sys.prefix, sys.base_prefix, *LIBRARIES, *MACHINE)
        landlock.give_up_files(Path(one) for one in folders)
    seccomp.give_up_calls()
