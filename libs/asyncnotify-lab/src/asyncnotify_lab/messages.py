"""What arrived, decoded; the newest ten thousand of it, and all of it in a file if there is one."""

import asyncio
import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, Self
from uuid import uuid4

KEPT: Final = 10_000


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One message that a wire took over, for one address.

    `id` is the provider's own, `kind` the channel. `data` is whatever else the wire understood of
    it, as JSON. `raw` is what came, as it came.
    """

    wire: str
    kind: str
    to: str
    id: str = field(default_factory=lambda: str(uuid4()))
    at: datetime = field(default_factory=_now)
    sender: str | None = None
    subject: str | None = None
    text: str | None = None
    html: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    raw: bytes = b""

    def as_json(self) -> dict[str, Any]:
        """Return it as the lab's API shows it: all but `raw`."""
        return {
            "id": self.id,
            "at": self.at.isoformat(),
            "wire": self.wire,
            "kind": self.kind,
            "to": self.to,
            "from": self.sender,
            "subject": self.subject,
            "text": self.text,
            "html": self.html,
            "headers": dict(self.headers),
            "data": dict(self.data),
        }

    @classmethod
    def from_json(cls, shown: Mapping[str, Any]) -> Self:
        """Read what `as_json` made."""
        rest = {name: value for name, value in shown.items() if name not in {"from", "at"}}
        return cls(sender=shown["from"], at=datetime.fromisoformat(shown["at"]), **rest)


class ArrivalStore:
    """Keeps messages in the order in which they came."""

    def __init__(self, file: Path | None = None) -> None:
        """With a `file`, one JSON object a line, it goes on where it left off."""
        self.file = file
        self._messages: deque[Arrival] = deque(maxlen=KEPT)
        self._changed = asyncio.Event()
        if file and file.exists():
            lines = deque(file.read_text("utf-8").splitlines(keepends=True), maxlen=KEPT)
            # The last line is not whole if the process was killed while it wrote.
            self._messages.extend(
                Arrival.from_json(json.loads(line)) for line in lines if line.endswith("\n")
            )

    def add(self, message: Arrival) -> None:
        """Keep one more."""
        self._messages.append(message)
        if self.file:
            with self.file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(message.as_json()) + "\n")
        self._changed.set()
        self._changed = asyncio.Event()

    def find(
        self,
        *,
        wire: str | None = None,
        kind: str | None = None,
        to: str | None = None,
        before: str | None = None,
        limit: int | None = None,
    ) -> Sequence[Arrival]:
        """Return those for which all of this is true, the oldest first.

        With `before`, an id, only what came before that one; with `limit` only the newest.
        """
        wanted = {"wire": wire, "kind": kind, "to": to}
        asked = {name: value for name, value in wanted.items() if value is not None}
        newest_first = reversed(self._messages)
        if before is not None:
            for each in newest_first:
                if each.id == before:
                    break
        found = (
            each
            for each in newest_first
            if all(getattr(each, name) == value for name, value in asked.items())
        )
        return list(islice(found, limit))[::-1]

    def get(self, message_id: str) -> Arrival | None:
        """Return the one with this id."""
        return next((each for each in self._messages if each.id == message_id), None)

    def clear(self) -> None:
        """Forget all."""
        self._messages.clear()
        if self.file:
            self.file.unlink(missing_ok=True)

    async def wait_for(
        self,
        *,
        count: int = 1,
        within: float = 60.0,
        wire: str | None = None,
        kind: str | None = None,
        to: str | None = None,
    ) -> Sequence[Arrival]:
        """Return those asked for once there are at least `count`.

        Raises:
            TimeoutError: there are not, within so many seconds.
        """
        async with asyncio.timeout(within):
            while len(found := self.find(wire=wire, kind=kind, to=to)) < count:
                await self._changed.wait()
        return found
