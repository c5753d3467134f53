"""One run of a script for many messages."""

from typing import Final, cast

from durable_queue.redis_list.batcher import PendingCommand, PendingReply
from durable_queue.redis_list.connections import Argument, Reply, packed

_MAX_ROWS: Final = 64
"""What keeps Redis from all else for some three milliseconds."""
_MAX_BYTES: Final = 1 << 18


class ScriptRow(PendingReply):
    """What a script is asked for one message; await it for the reply."""

    def __init__(self, *values: Argument) -> None:
        super().__init__()
        self.count = 1 + len(values)
        self.wire = _arguments(packed(len(values), *values))


class JointRun(PendingCommand):
    """A run of a script that rows join until it is sent. It replies with a list, an item a row."""

    def __init__(self, *command: Argument) -> None:
        super().__init__(*command)
        self.rows: list[ScriptRow] = []
        self._count = len(command)
        self._free = _MAX_BYTES
        self._whole = b""

    @property
    def is_open(self) -> bool:
        """Whether another row may join."""
        is_waiting = not self._whole and not self.done()
        return is_waiting and len(self.rows) < _MAX_ROWS and self._free > 0

    def add(self, row: ScriptRow) -> None:
        """Let a row join."""
        self.rows.append(row)
        self._count += row.count
        self._free -= len(row.wire)

    def wire(self) -> bytes:
        """Return it as it goes over the wire; no row joins it from here on."""
        if not self._whole:
            command = _arguments(super().wire())
            parts = (b"*%d\r\n" % self._count, command, *(row.wire for row in self.rows))
            self._whole = b"".join(parts)
        return self._whole

    def answer_rows(self) -> None:
        """Give each row its reply; that of the whole run if it failed as a whole."""
        error = self.exception()
        replies = [error] * len(self.rows) if error else cast("list[Reply]", self.result())
        for row, reply in zip(self.rows, replies, strict=True):
            row.was_repeated = self.was_repeated
            row.answer(reply)


def _arguments(command: bytes) -> bytes:
    """Return a packed command without the first line, which says how many arguments it has."""
    return command.partition(b"\r\n")[2]
