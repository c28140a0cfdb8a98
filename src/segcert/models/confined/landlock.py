"""Give up files for good (Linux 5.13 and later): only those below some folders can be read.

Source:
    Linux, Documentation/userspace-api/landlock.rst.
"""

import ctypes
import os
import struct
from collections.abc import Iterable
from pathlib import Path

CREATE, ADD_RULE, RESTRICT = 444, 445, 446  # the same numbers on all machines
ASK_VERSION, PATH_BENEATH = 1, 1
EXECUTE, READ_FILE, READ_DIR = 1, 4, 8
FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
NETWORK_FROM, NETWORK = 4, 3  # TCP
SCOPES_FROM, SCOPES = 6, 3  # signals, and sockets without a file


def call(*arguments: object) -> int:
    """Call the kernel.

    Raises:
        OSError: If it refuses.
    """
    library = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    found = library.syscall(*arguments)
    if found < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(found)


def version() -> int:
    """Version of the kernel's Landlock; 0 if there is none."""
    try:
        return call(CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(ASK_VERSION))
    except OSError:
        return 0


def give_up_files(readable: Iterable[Path]) -> None:
    """Leave only what lies below some folders, for reading; nothing is left to write.

    Args:
        readable: Folders and files; those that are not there are left out.

    Raises:
        OSError: If the kernel refuses.
    """
    here = version()
    rights = FILE_RIGHTS[max(one for one in FILE_RIGHTS if one <= here)]
    network = NETWORK if here >= NETWORK_FROM else 0
    scopes = SCOPES if here >= SCOPES_FROM else 0
    length = 24 if scopes else 16 if network else 8
    asked = struct.pack("=QQQ", rights, network, scopes)[:length]
    rules = call(CREATE, asked, ctypes.c_size_t(length), ctypes.c_uint32(0))
    for path in readable:
        try:
            handle = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except OSError:
            continue
        allowed = READ_FILE | EXECUTE | (READ_DIR if path.is_dir() else 0)
        rule = struct.pack("=Qi", allowed, handle)
        call(ADD_RULE, rules, ctypes.c_int(PATH_BENEATH), rule, ctypes.c_uint32(0))
        os.close(handle)
    call(RESTRICT, rules, ctypes.c_uint32(0))
    os.close(rules)
