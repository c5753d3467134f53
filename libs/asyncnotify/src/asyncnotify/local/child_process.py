"""What a child process does before it runs its program."""

import ctypes
import signal
import sys
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_LIBC: Final = ctypes.CDLL(None)


def before_a_service_runs() -> None:
    """Do what the process of a service does first."""
    # Until it has a handler for it, the signal by which it is asked what it does would end it.
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    die_with_parent()


def die_with_parent() -> None:
    """Have the kernel end this process if its parent is killed (Linux); it would keep its port.

    The kernel counts the thread that forked as the parent: that is the event loop's, which lives as
    long as its process.
    """
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
