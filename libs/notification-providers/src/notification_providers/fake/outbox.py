"""The file in which fake providers leave what they accepted."""

import fcntl
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from notification_contracts.states import Reason

from notification_providers.port import OutgoingMessage, TransientFailure

_LOOK_BACK_BYTES: Final = 4096

# One encoder for all lines: `json.dumps` with arguments builds a new one each time.
_encode = json.JSONEncoder(ensure_ascii=False).encode

FIRST_NAME: Final = "fake"
"""What a channel's first fake is called, unless its URL names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeOutbox:
    """One JSON line per accepted message. Many processes may append to the same file.

    The file is opened for each line, so that it may be moved or removed at any time.
    """

    path: Path
    now: Callable[[], datetime]

    def append(
        self, message: OutgoingMessage, *, provider: str | None = None, mode: str | None = None
    ) -> None:
        """Write the message's line, whole or not at all.

        `provider` is the fake that took it, `mode` why no provider did. `FIRST_NAME` goes without
        saying: programs that read the file know lines without a provider.

        Raises:
            OSError: it could not be written.
        """
        named = None if provider == FIRST_NAME else provider
        line = self._line(message, {"provider": named, "delivery_mode": mode})
        descriptor = self._open()
        try:
            # One at a time: a line that did not fit is taken back before another one follows it.
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            _append_whole(descriptor, line)
        finally:
            os.close(descriptor)

    def has(self, message: OutgoingMessage) -> bool:
        """Tell whether this notification's message to this address is among the lines.

        Raises:
            OSError: they could not be read.
        """
        if not self.path.exists():
            return False
        with self.path.open("rb") as lines:
            return any(
                (kept["trace_id"], kept["address"]) == (message.trace_id, message.address)
                for kept in map(json.loads, lines)
            )

    def keep(
        self, message: OutgoingMessage, *, provider: str | None = None, mode: str | None = None
    ) -> TransientFailure | None:
        """Write the message's line; return the failure, if it could not be written."""
        try:
            self.append(message, provider=provider, mode=mode)
        except OSError as error:
            detail = f"the outbox can't be written: {error.strerror or error}"
            return TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail=detail)
        return None

    def _open(self) -> int:
        flags, mode = os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600
        try:
            return os.open(self.path, flags, mode)
        except FileNotFoundError:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self.path, flags, mode)

    def _line(self, message: OutgoingMessage, by: Mapping[str, str | None]) -> bytes:
        more = {**by, "html": message.html, "data": dict(message.data)}
        fields = {
            "trace_id": message.trace_id,
            "channel": message.channel,
            "address": message.address,
            "message": message.message,
            "subject": message.subject,
            "at": self.now().isoformat(timespec="milliseconds"),
            **{name: value for name, value in more.items() if value},
        }
        return _encode(fields).encode() + b"\n"


def _append_whole(descriptor: int, line: bytes) -> None:
    end = _end_of_lines(descriptor, os.fstat(descriptor).st_size)
    written = 0
    try:
        written = os.write(descriptor, line)
    finally:
        if written != len(line):
            os.ftruncate(descriptor, end)
    if written != len(line):
        raise OSError(f"{written} of {len(line)} bytes fitted")


def _end_of_lines(descriptor: int, size: int) -> int:
    """Return where the last whole line ends; take back what a writer that died left after it."""
    if size == 0 or os.pread(descriptor, 1, size - 1) == b"\n":
        return size
    end = size
    while end > 0:
        start = max(end - _LOOK_BACK_BYTES, 0)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        end = start + found + 1 if found >= 0 else start
        if found >= 0:
            break
    os.ftruncate(descriptor, end)
    return end
