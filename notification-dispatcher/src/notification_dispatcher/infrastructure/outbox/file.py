"""The outbox's file, which all dispatchers of one machine may share."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

from notification_contracts.channels import ChannelName
from notification_providers.fake.outbox import FIRST_NAME
from notification_providers.fake.outbox_reader import Line, OutboxLine, read_back

from notification_dispatcher.application.outbox import (
    Batch,
    Kept,
    OutboxMessage,
    OutboxUnavailable,
)

_NEEDED: Final = ("channel", "address", "message", "at")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxFile:
    """An `OutboxSource`; positions are places in the file."""

    path: Path
    name: str = "file"

    async def read(self, position: str | None, *, channel: ChannelName | None, limit: int) -> Batch:
        """See `OutboxSource.read`."""
        before = None if position is None else int(position)
        read = partial(
            read_back, self.path, before=before, limit=limit, wanted=partial(_is_wanted, channel)
        )
        try:
            lines = await asyncio.to_thread(read)
        except OSError as error:
            raise OutboxUnavailable(f"the outbox can't be read: {error.strerror}") from error
        rest = None if lines.rest is None else str(lines.rest)
        return Batch(found=[_kept(line) for line in lines.found], rest=rest)


def _is_wanted(channel: ChannelName | None, line: Line) -> bool:
    if not all(isinstance(line.get(name), str) for name in _NEEDED):
        return False
    return channel in {None, line["channel"]} and _time(line["at"]) is not None


def _time(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _kept(line: OutboxLine) -> Kept:
    said = line.content
    message = OutboxMessage(
        trace_id=said.get("trace_id"),
        channel=said["channel"],
        provider=said.get("provider", None if "delivery_mode" in said else FIRST_NAME),
        address=said["address"],
        subject=said.get("subject"),
        message=said["message"],
        html=said.get("html"),
        data=said.get("data"),
        delivery_mode=said.get("delivery_mode"),
        at=_time(said["at"]) or datetime.min.replace(tzinfo=UTC),
    )
    return Kept(message=message, after=str(line.start))
