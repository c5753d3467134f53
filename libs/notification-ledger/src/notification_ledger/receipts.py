"""Providers' receipts in memory: of which notification, and those that came before it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from notification_ledger.reading import TimelineEntry
from notification_ledger.rules import (
    MAX_PARKED,
    PARKED_FOR,
    REPORTED,
    REPORTED_OF_ONE,
    messages_of,
)
from notification_ledger.status_update import StatusUpdate

Message = tuple[str, str]
"""A provider, and its id for a message."""


def receipt_of(provider: str, message_id: str, update: StatusUpdate) -> tuple[Message, bytes]:
    """Return which message a receipt speaks of, and its note, both as they are kept.

    Raises:
        ValueError: the provider, or its id, is empty.
    """
    note = replace(update, provider=provider, message_id=message_id).encode()
    kept = StatusUpdate.decode(note)
    if kept is None or not kept.provider or not kept.message_id:
        message = "a receipt names a provider, and its id for a message"
        raise ValueError(message)
    return (kept.provider, kept.message_id), note


@dataclass(slots=True)
class _Parked:
    until: datetime
    notes: list[bytes] = field(default_factory=list)


class ReceiptBook:
    """Knows the messages of all records that its ledger keeps, up to `max_parked` before theirs."""

    def __init__(self, *, now: Callable[[], datetime], max_parked: int) -> None:
        self._now = now
        self._max_parked = max_parked
        self._known: dict[Message, tuple[str, str]] = {}
        self._parked: dict[Message, _Parked] = {}

    def find(self, message: Message) -> tuple[str, str] | None:
        """Return whose message it is, and which change a receipt of it is; None if unknown."""
        return self._known.get(message)

    def park(self, message: Message, note: bytes) -> None:
        """Keep a receipt until its message is known, or for ten minutes."""
        now = self._now()
        while self._parked and next(iter(self._parked.values())).until <= now:
            del self._parked[next(iter(self._parked))]
        parked = self._parked.pop(message, _Parked(now))
        if note not in parked.notes and len(parked.notes) < MAX_PARKED:
            parked.notes.append(note)
        parked.until = now + PARKED_FOR
        self._parked[message] = parked
        if len(self._parked) > self._max_parked:
            del self._parked[next(iter(self._parked))]

    def learn(self, trace_id: str, told: StatusUpdate) -> Sequence[tuple[str, bytes]]:
        """Note the messages that an attempt named; return the receipts that waited for them."""
        messages = messages_of(told)
        change = REPORTED if len(messages) == 1 else REPORTED_OF_ONE
        waited: list[tuple[str, bytes]] = []
        for message in sorted(messages):
            self._known[message] = (trace_id, change)
            parked = self._parked.pop(message, None)
            if parked and parked.until > self._now():
                waited += ((change, note) for note in parked.notes)
        return waited

    def forget(
        self, trace_id: str, gone: Iterable[TimelineEntry], kept: Iterable[TimelineEntry] = ()
    ) -> None:
        """Forget the messages of entries that are gone, but for those that others still name."""
        still = {message for entry in kept for message in messages_of(entry)}
        for message in {message for entry in gone for message in messages_of(entry)} - still:
            if self._known.get(message, ("", ""))[0] == trace_id:
                del self._known[message]
