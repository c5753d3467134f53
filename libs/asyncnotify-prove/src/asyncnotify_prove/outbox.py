"""What the fake providers were handed, as they wrote it down."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from asyncnotify_prove.promises import JsonObject

LOOK_EVERY_SECONDS: Final = 0.05


def read_outbox(path: Path) -> list[JsonObject]:
    """Return the entries so far, without the one that is just being written."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


@dataclass(frozen=True, slots=True)
class Received:
    """One message that the provider got, after one moment and before another (since 1970).

    These are the watcher's times; the line's own is a dispatcher's, whose clock may be wrong.
    """

    trace_id: str
    after: float
    before: float


@dataclass(slots=True)
class OutboxFollower:
    """Follows the file, and notes when each line came."""

    path: Path
    received: list[Received] = field(default_factory=list)
    _offset: int = 0

    async def follow(self) -> None:
        """Look again and again, until cancelled."""
        after = time.time()
        while True:
            before = time.time()
            lines = self._new_lines()
            self.received += [
                Received(json.loads(line)["trace_id"], after, max(before, time.time()))
                for line in lines
            ]
            after = before
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    def _new_lines(self) -> list[bytes]:
        if not self.path.exists():
            return []
        with self.path.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        return whole.splitlines()
