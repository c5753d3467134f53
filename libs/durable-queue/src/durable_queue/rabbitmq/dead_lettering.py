"""Giving a message up: what is said of it, and how it gets among the dead letters."""

import json
from dataclasses import dataclass
from typing import Self

from durable_queue.claims.store import State
from durable_queue.messages import poison_error
from durable_queue.port import Change, Note
from durable_queue.rabbitmq.consumer_session import ReceivedCopy
from durable_queue.rabbitmq.envelope import Envelope
from durable_queue.rabbitmq.routing import MessageRouter


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetterReason:
    """Why a message was given up: what is recorded, and what its dead letter says.

    As a memo it is kept with the claim until the message is among the dead letters: who takes over
    from a worker that died half-way says the same. In the dead letter it
    outlives claims and records.
    """

    change: Change
    error: str
    note: Note = b""

    @property
    def memo(self) -> str:
        """Return it as text."""
        return json.dumps([self.change, self.error, _text(self.note)], ensure_ascii=False)

    @classmethod
    def from_memo(cls, memo: str) -> Self:
        """Return what a memo was made of."""
        change, error, note = json.loads(memo)
        return cls(change=_known(change), error=error, note=note.encode())

    @classmethod
    def of(cls, dead: Envelope) -> Self:
        """Return what a dead letter says; the broker puts some there itself, without a word."""
        if not dead.error:
            return cls(change=Change.POISONED, error="poison: the broker gave it up")
        return cls(change=_known(dead.change), error=dead.error, note=dead.note.encode())


def poison(deliveries: int, note: Note = b"") -> DeadLetterReason:
    """Say that workers never settle a message."""
    return DeadLetterReason(change=Change.POISONED, error=poison_error(deliveries), note=note)


def unsupported_schema(schema: int) -> DeadLetterReason:
    """Say that a message was written by a release that is newer than this one."""
    return DeadLetterReason(
        change=Change.POISONED, error=f"poison: headers of schema {schema} are not known"
    )


async def move_to_dead_letters(
    router: MessageRouter, copy: ReceivedCopy, token: str, end: DeadLetterReason
) -> None:
    """Put a message that was given up, and recorded as such, among the dead letters."""
    envelope = copy.envelope
    dead = envelope.moved(
        due=0, since=router.now_ms, error=end.error, change=end.change.value, note=_text(end.note)
    )
    await router.publisher.to_dead_letters(dead)
    await router.claims.settled(envelope.id, token, dead.revision, State.DEAD)
    copy.done()


def _known(change: str) -> Change:
    # A newer release may have given it up for what this one has no word for.
    return Change(change) if change in set(Change) else Change.DEAD


def _text(note: Note) -> str:
    return note.decode("utf-8", "replace")
