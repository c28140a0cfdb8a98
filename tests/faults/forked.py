"""Work in a child of its own, for the programs of this folder that break things."""

import os
import traceback
from collections.abc import Callable

RAISED = 255  # status of a child whose work raised


def in_child(work: Callable[[], int]) -> int:
    """Run in a forked child; the status is what it returned, or minus the signal."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        status = work()
    except BaseException:
        os.write(2, traceback.format_exc().encode())
        status = RAISED
    os._exit(status)
