"""The terminal that a long-running command was started from, and what it prints there."""

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress


def say(line: str) -> None:
    """Print a line. If the reader is gone, the work goes on without output."""
    try:
        print(line, file=sys.stdout, flush=True)  # noqa: T201 - the command's own output
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


@contextmanager
def spared_by_make(environment: Mapping[str, str]) -> Iterator[None]:
    """Take Ctrl-C for this process alone while it runs in the foreground of `make`.

    make ends with an error when it is interrupted, whatever its recipe makes of it. So the terminal
    is told that this process is in front: it stops gracefully, and make sees that all went well.
    """
    terminal = _terminal_in_front() if "MAKELEVEL" in environment else None
    if terminal is None:
        yield
        return
    makes_group = os.getpgrp()
    # Ctrl-Z would stop this process alone, and nothing would continue it.
    stopping = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    # A process that is not in front is stopped when it puts itself there.
    background = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    try:
        os.setpgid(0, 0)
        os.tcsetpgrp(terminal, os.getpgrp())
        yield
    finally:
        with suppress(OSError):
            os.tcsetpgrp(terminal, makes_group)
        signal.signal(signal.SIGTSTP, stopping)
        signal.signal(signal.SIGTTOU, background)
        os.close(terminal)


def _terminal_in_front() -> int | None:
    try:
        terminal = os.open("/dev/tty", os.O_RDWR)
    except OSError:
        return None
    is_led_by_another = os.getpgrp() != os.getpid()
    with suppress(OSError):
        if is_led_by_another and os.tcgetpgrp(terminal) == os.getpgrp():
            return terminal
    os.close(terminal)
    return None
