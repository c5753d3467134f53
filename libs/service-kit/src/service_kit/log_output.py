"""Writes lines of log: those of one turn of the event loop together."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from select import PIPE_BUF
from typing import BinaryIO


class LogOutput:
    """Where lines go. A full disk or a closed pipe never fails the work that is logged."""

    __slots__ = ("_lines", "_lock", "_loop", "_stream", "_thread")

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._lines: list[bytes] = []
        self._loop: asyncio.AbstractEventLoop | None = None  # the one that will write them
        self._thread = 0  # in which it runs
        # Reentrant: a collected object may log anywhere.
        self._lock = threading.RLock()

    def write(self, line: bytes) -> None:
        """Write a line at the end of this turn of the event loop; at once where none runs."""
        with self._lock:
            self._lines.append(line)
            if self._is_due():
                return
            try:
                self._loop = asyncio.get_running_loop()
            except RuntimeError:
                self.flush()
                return
            self._thread = threading.get_ident()
            self._loop.call_soon(self.flush)

    def _is_due(self) -> bool:
        """Tell whether this thread's loop will write what waits, without asking which it is.

        To ask costs a call of the system, for each line.
        """
        loop = self._loop
        return loop is not None and self._thread == threading.get_ident() and loop.is_running()

    def write_at_once(self, line: bytes) -> None:
        """Write a line, and before it all that wait."""
        with self._lock:
            self._lines.append(line)
            self.flush()

    def flush(self) -> None:
        """Write all lines that wait."""
        with self._lock:
            self._loop = None
            lines, self._lines = self._lines, []
            if not lines:
                return
            try:
                for piece in _pieces(lines):
                    self._stream.write(piece)
                    self._stream.flush()
            except (OSError, ValueError):
                return


def _pieces(lines: Sequence[bytes]) -> Iterator[bytes]:
    """Join lines to what a pipe takes as a whole: several workers may write into the same one."""
    piece: list[bytes] = []
    size = 0
    for line in lines:
        if piece and size + len(line) + 1 > PIPE_BUF:
            yield b"\n".join((*piece, b""))
            piece, size = [], 0
        piece.append(line)
        size += len(line) + 1
    yield b"\n".join((*piece, b""))
