"""What reached nobody: what fakes accepted, what was captured, what the lab took."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, Protocol

from notification_contracts.channels import ChannelName

Positions = Mapping[str, str | None]
"""Where to go on in each source, by its name; None is its newest message."""


class OutboxUnavailable(Exception):
    """Raised when what was sent can't be read now."""


class NoOutbox(Exception):
    """Raised where nothing keeps what was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxMessage:
    """One message as the person would have got it. `provider` is a name, or the lab's wire.

    `trace_id` is None where the lab's wire does not carry it.
    """

    trace_id: str | None
    channel: ChannelName
    provider: str | None
    address: str
    subject: str | None
    message: str
    html: str | None
    data: Mapping[str, Any] | None
    delivery_mode: str | None
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A message, and the position in its source after it."""

    message: OutboxMessage
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Messages of one source, newest first. `rest` is where to go on, None if there is no more."""

    found: Sequence[Kept]
    rest: str | None


class OutboxSource(Protocol):
    """Keeps what was sent."""

    @property
    def name(self) -> str:
        """What it is called in a cursor."""
        ...

    async def read(self, position: str | None, *, channel: ChannelName | None, limit: int) -> Batch:
        """Return up to `limit` messages from a position on; it may be fewer, and have a rest.

        Raises:
            ValueError: the position is not one of its own.
            OutboxUnavailable: it can't be read now.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxPage:
    """Messages, newest first, and where each source goes on; one that has no more is left out."""

    items: Sequence[OutboxMessage]
    positions: Positions


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowOutbox:
    """List what was sent to nobody, of all sources together.

    Raises `NoOutbox`, `OutboxUnavailable`, and `ValueError` for positions that no page gave.
    """

    sources: Sequence[OutboxSource]

    async def __call__(
        self, positions: Positions | None, *, channel: ChannelName | None, limit: int
    ) -> OutboxPage:
        if not self.sources:
            raise NoOutbox("FAKE_OUTBOX names no file, and there is no lab")
        asked = [
            (each, positions.get(each.name) if positions else None)
            for each in self.sources
            if positions is None or each.name in positions
        ]
        batches = await asyncio.gather(
            *(source.read(at, channel=channel, limit=limit) for source, at in asked)
        )
        kept = [each for batch in batches for each in batch.found]
        shown = sorted(kept, key=attrgetter("message.at"), reverse=True)[:limit]
        goes_on = {
            source.name: _next(batch, shown, at)
            for (source, at), batch in zip(asked, batches, strict=True)
            if batch.rest is not None or any(each not in shown for each in batch.found)
        }
        return OutboxPage(items=[each.message for each in shown], positions=goes_on)


def _next(batch: Batch, shown: Sequence[Kept], at: str | None) -> str | None:
    taken = [each for each in batch.found if each in shown]
    if len(taken) == len(batch.found):
        return batch.rest
    return taken[-1].after if taken else at
