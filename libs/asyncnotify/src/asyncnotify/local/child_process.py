"""What a child process does before it runs its program."""

import ctypes
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None)


def die_with_parent() -> None:
    """Have the kernel end this process if its parent is killed (Linux); it would keep its port.

    The kernel counts the thread that forked as the parent: that is the event loop's, which lives as
    long as its process.
    """
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
