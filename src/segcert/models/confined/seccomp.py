"""Give up calls of the kernel for good (Linux): no network, no programs, nothing is written.

A filter in the kernel's own small language (BPF) refuses each call below with "not permitted", in
this process and whatever it starts. It needs no privilege and cannot be taken back.

Source:
    Linux, Documentation/userspace-api/seccomp_filter.rst.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
from collections.abc import Iterable

NO_NEW_PRIVILEGES, SET_SECCOMP, FILTER_MODE = 38, 22, 2
ALLOW, KILL, REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
LOAD, JUMP_EQUAL, JUMP_SET, JUMP_ABOVE, RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
NUMBER_AT, MACHINE_AT, ARGUMENTS_AT = 0, 4, 16  # in the kernel's description of a call
X32 = 0x40000000  # another numbering of the same calls, on x86_64
THREAD = 0x10000  # flag of clone: no process, a thread
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

MACHINES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
REFUSED: dict[str, dict[str, int]] = {  # by name: numbers on both; 0 is none
    name: {"x86_64": one, "aarch64": other}
    for name, one, other in (
        ("socket", 41, 198), ("socketpair", 53, 199), ("connect", 42, 203), ("bind", 49, 200),
        ("listen", 50, 201), ("accept", 43, 202), ("accept4", 288, 242), ("sendto", 44, 206),
        ("sendmsg", 46, 211), ("sendmmsg", 307, 269),
        ("execve", 59, 221), ("execveat", 322, 281), ("fork", 57, 0), ("vfork", 58, 0),
        ("ptrace", 101, 117), ("process_vm_readv", 310, 270), ("process_vm_writev", 311, 271),
        ("kill", 62, 129), ("tkill", 200, 130), ("rt_sigqueueinfo", 129, 138),
        ("rt_tgsigqueueinfo", 297, 240), ("pidfd_send_signal", 424, 424), ("pidfd_open", 434, 434),
        ("pidfd_getfd", 438, 438), ("io_uring_setup", 425, 425), ("io_uring_enter", 426, 426),
        ("mount", 165, 40), ("umount2", 166, 39), ("pivot_root", 155, 41), ("chroot", 161, 51),
        ("unshare", 272, 97), ("setns", 308, 268), ("open_tree", 428, 428),
        ("move_mount", 429, 429), ("fsopen", 430, 430), ("mount_setattr", 442, 442),
        ("bpf", 321, 280), ("perf_event_open", 298, 241), ("keyctl", 250, 219),
        ("add_key", 248, 217), ("request_key", 249, 218), ("userfaultfd", 323, 282),
        ("open_by_handle_at", 304, 265), ("name_to_handle_at", 303, 264), ("shmget", 29, 194),
        ("shmat", 30, 196), ("msgget", 68, 186), ("semget", 64, 190), ("mq_open", 240, 180),
        ("creat", 85, 0), ("mkdir", 83, 0), ("mkdirat", 258, 34), ("rmdir", 84, 0),
        ("unlink", 87, 0), ("unlinkat", 263, 35), ("rename", 82, 0), ("renameat", 264, 38),
        ("renameat2", 316, 276), ("link", 86, 0), ("linkat", 265, 37), ("symlink", 88, 0),
        ("symlinkat", 266, 36), ("mknod", 133, 0), ("mknodat", 259, 33), ("truncate", 76, 45),
        ("chmod", 90, 0), ("fchmod", 91, 52), ("fchmodat", 268, 53), ("fchmodat2", 452, 452),
        ("chown", 92, 0), ("lchown", 94, 0), ("fchown", 93, 55), ("fchownat", 260, 54),
        ("setxattr", 188, 5), ("lsetxattr", 189, 6), ("fsetxattr", 190, 7), ("utime", 132, 0),
        ("utimes", 235, 0), ("utimensat", 280, 88), ("futimesat", 261, 0),
        ("init_module", 175, 105), ("finit_module", 313, 273), ("kexec_load", 246, 104),
        ("reboot", 169, 142), ("swapon", 167, 224), ("settimeofday", 164, 170),
        ("clock_settime", 227, 112), ("sethostname", 170, 161), ("acct", 163, 89),
        ("personality", 135, 92), ("prlimit64", 302, 261),
    )
}  # fmt: skip
NEW = {"clone3": (435, 435), "openat2": (437, 437)}  # their flags cannot be seen: "not known"
CLONE, OPENAT, TGKILL = (56, 220), (257, 56), (234, 131)
OPEN = (2, 0)


def instruction(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    """One step of a filter: jump over ``yes`` or ``no`` steps."""
    return struct.pack("=HBBI", code, yes, no, value & 0xFFFFFFFF)


def steps(machine: str, process: int) -> Iterable[bytes]:
    """The filter: each refused call by its number, and a few by what they are asked."""
    place = list(MACHINES).index(machine)
    refuse, unknown = REFUSE | errno.EPERM, REFUSE | errno.ENOSYS
    yield instruction(LOAD, MACHINE_AT)
    yield instruction(JUMP_EQUAL, MACHINES[machine], yes=1)
    yield instruction(RETURN, KILL)
    yield instruction(LOAD, NUMBER_AT)
    yield instruction(JUMP_ABOVE, X32, no=1)
    yield instruction(RETURN, refuse)
    for numbers in NEW.values():
        yield instruction(JUMP_EQUAL, numbers[place], no=1)
        yield instruction(RETURN, unknown)
    for number in sorted({named[machine] for named in REFUSED.values()} - {0}):
        yield instruction(JUMP_EQUAL, number, no=1)
        yield instruction(RETURN, refuse)
    for numbers, argument, jump, value, refused in (
        (CLONE, 0, JUMP_SET, THREAD, False),
        (OPENAT, 2, JUMP_SET, WRITING, True),
        (OPEN, 1, JUMP_SET, WRITING, True),
        (TGKILL, 0, JUMP_EQUAL, process, False),
    ):
        if not numbers[place]:
            continue
        yield instruction(JUMP_EQUAL, numbers[place], no=4)
        yield instruction(LOAD, ARGUMENTS_AT + 8 * argument)
        yield instruction(jump, value, yes=0 if refused else 1, no=1 if refused else 0)
        yield instruction(RETURN, refuse)
        yield instruction(RETURN, ALLOW)
    yield instruction(RETURN, ALLOW)


def is_known() -> bool:
    """Tell whether there is a filter for this machine."""
    return sys.platform == "linux" and platform.machine() in MACHINES


def give_up_calls() -> None:
    """Give the calls up, in this thread and all that it starts.

    Raises:
        OSError: If the kernel takes no filter.
    """
    program = b"".join(steps(platform.machine(), os.getpid()))
    memory = ctypes.create_string_buffer(program, len(program))
    head = struct.pack("@HxxxxxxP", len(program) // 8, ctypes.addressof(memory))
    library = ctypes.CDLL(None, use_errno=True)
    for request in ((NO_NEW_PRIVILEGES, 1, 0, 0, 0), (SET_SECCOMP, FILTER_MODE, head, 0, 0)):
        if library.prctl(*request):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
