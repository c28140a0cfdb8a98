"""Memory of this process and of the machine, where the system tells (Linux)."""

from pathlib import Path

STATUS, MACHINE = Path("/proc/self/status"), Path("/proc/meminfo")
GROUP = Path("/sys/fs/cgroup")  # where a container finds its own limits
HELD, PEAK = "VmRSS", "VmHWM"


def free_memory() -> int | None:
    """Bytes that can still be had, of the machine and of the container; None if unknown."""
    free = field(MACHINE, "MemAvailable")
    limit, used = number(GROUP / "memory.max"), number(GROUP / "memory.current")
    if limit is None or used is None:
        return free
    left = max(0, limit - used)
    return left if free is None else min(free, left)


def held_memory() -> int | None:
    """Bytes that this process holds; None if unknown."""
    return field(STATUS, HELD)


def peak_memory() -> int | None:
    """Bytes that this process ever held at once; None if unknown."""
    return field(STATUS, PEAK)


def field(file: Path, name: str) -> int | None:
    """A line of a file that says how many KiB there are, in bytes."""
    for line in lines(file):
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return None


def number(file: Path) -> int | None:
    """A file that holds one number; None if it says something else."""
    found = lines(file)
    return int(found[0]) if found and found[0].isdecimal() else None


def lines(file: Path) -> list[str]:
    """Lines of a file; none if it cannot be read."""
    try:
        return file.read_text().splitlines()
    except OSError:
        return []
