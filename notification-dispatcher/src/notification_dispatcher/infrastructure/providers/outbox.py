"""The file in which fake providers leave what they accepted."""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from notification_dispatcher.domain.outcomes import OutgoingMessage

# One encoder for all lines: `json.dumps` with arguments builds a new one each time.
_encode = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Outbox:
    """One JSON line per accepted message. Many processes may append to the same file.

    The file is opened for each line, so that it may be moved or removed at any time.
    """

    path: Path
    now: Callable[[], datetime]

    def append(self, message: OutgoingMessage) -> None:
        """Write the message's line, whole or not at all.

        Raises:
            OSError: it could not be written.
        """
        line = self._line(message)
        descriptor = self._open()
        try:
            # One write, so that lines of many processes never mix.
            written = os.write(descriptor, line)
        finally:
            os.close(descriptor)
        if written != len(line):
            raise OSError(f"{written} of {len(line)} bytes fitted into {self.path}")

    def _open(self) -> int:
        flags, mode = os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600
        try:
            return os.open(self.path, flags, mode)
        except FileNotFoundError:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(self.path, flags, mode)

    def _line(self, message: OutgoingMessage) -> bytes:
        fields = {
            "trace_id": message.trace_id,
            "channel": message.channel,
            "address": message.address,
            "message": message.message,
            "subject": message.subject,
            "at": self.now().isoformat(timespec="milliseconds"),
        }
        return _encode(fields).encode() + b"\n"
