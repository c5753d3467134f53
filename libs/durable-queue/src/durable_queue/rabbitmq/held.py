"""A message that a worker holds: what it asks of its claim, and what the replies mean for it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from service_kit.epoch import whole_ms

from durable_queue.claims.holding import BeginReply, finish, is_ours
from durable_queue.claims.store import Operation, Reply
from durable_queue.errors import LeaseLost, MessageExpired, QueueError
from durable_queue.messages import SUSPECT_AFTER, Change, Note, OnAmbiguous
from durable_queue.rabbitmq.consumer_session import ReceivedCopy
from durable_queue.rabbitmq.envelope import Envelope, time_or_none
from durable_queue.rabbitmq.routing import MessageRouter
from durable_queue.verdicts import Advance, Start

StopTracking = Callable[[Any], bool]
"""Ends this process's hold; false if it had ended before, and the copy is somebody else's."""


class HeldMessage:
    """What a delivery consists of. `turn` is held while a step is under way; `steps` takes them.

    `advancing_to` is where it was to be advanced to, `is_forwarding` that it was to be forwarded
    instead: its claim, once asked for one, may know of it, whatever was answered.
    `decided` is the verdict that its claim knows, `settled` the one that the broker knows, too;
    `poisoned_after` is after how many deliveries the claim would not have it released once more.
    """

    __slots__ = (
        "_router",
        "_started",
        "_stop_tracking",
        "advancing_to",
        "attempt",
        "body",
        "copy",
        "decided",
        "deferrals",
        "deliveries",
        "expires_at",
        "id",
        "is_expired",
        "is_forwarding",
        "is_suspect",
        "lane",
        "lease_until",
        "max_attempts",
        "poisoned_after",
        "progress",
        "settled",
        "token",
        "turn",
    )

    def __init__(
        self,
        copy: ReceivedCopy,
        begun: BeginReply,
        router: MessageRouter,
        stop_tracking: StopTracking,
    ) -> None:
        envelope = copy.envelope
        self.id: str = envelope.id
        self.lane: str = envelope.lane
        self.body: bytes = envelope.body
        self.attempt: int = envelope.attempt
        self.max_attempts: int = envelope.max_attempts
        self.deferrals: int = envelope.deferrals
        self.expires_at: datetime | None = time_or_none(envelope.expires)
        # What was said at the start of this copy is newer than what the copy itself says.
        self.progress: str = begun.progress or envelope.progress
        self.token = begun.token
        self.deliveries = begun.number
        self.is_suspect = begun.number > SUSPECT_AFTER
        self.lease_until = router.lease_ends
        self.copy = copy
        self.turn = asyncio.Lock()
        self.decided = ""
        self.settled = ""
        self.is_expired = False
        self.advancing_to = ""
        self.is_forwarding = False
        self.poisoned_after = 0
        self._started = False
        self._router = router
        self._stop_tracking = stop_tracking

    @property
    def revision(self) -> int:
        """Which copy this is."""
        return self.copy.envelope.revision

    def ending_too_late(self) -> Operation | None:
        """Return how to end it, if it is too late to start it and it has not ended so."""
        is_late = not self.is_expired and self._router.is_expired(self.copy.envelope)
        return self.finishing("expire", Change.EXPIRED) if is_late else None

    def starting(self, start: Start) -> Operation:
        """Return how to start it."""
        router = self._router
        note, on_ambiguous, progress = start
        events = () if self._started else (router.event(Change.STARTED, self.as_it_is, note),)
        return router.claims.terms.start(
            self.id,
            self.token,
            self.revision,
            hold=on_ambiguous is OnAmbiguous.HOLD,
            progress=progress,
            events=events,
        )

    def started(
        self, asked: Operation | None, start: Start, reply: Reply | QueueError | None
    ) -> QueueError | None:
        """Take in the reply; return what went wrong."""
        if asked is None or reply is None:
            return MessageExpired(self.id)
        if isinstance(reply, QueueError):
            return reply
        if asked.name == "finish":
            return self._ended_too_late(reply)
        if not is_ours(reply):
            self.lose()
            return LeaseLost(self.id)
        self.lease_until = self._router.lease_ends
        self._started = True
        self.keep(start.progress)
        return None

    def advancing(self, advance: Advance) -> Operation:
        """Return how to start it in another lane."""
        router = self._router
        lane, note, (start_note, on_ambiguous, progress) = advance
        there = self.as_it_is.in_lane(lane)
        self.advancing_to = lane
        return router.claims.terms.advance(
            self.id,
            self.token,
            self.revision,
            hold=on_ambiguous is OnAmbiguous.HOLD,
            lane=lane,
            progress=progress,
            events=(
                router.event(Change.FORWARDED, there, note),
                router.event(Change.STARTED, there, start_note),
            ),
        )

    def advanced(
        self, asked: Operation | None, advance: Advance, reply: Reply | QueueError | None
    ) -> QueueError | None:
        """Take in the reply; return what went wrong."""
        if error := self.started(asked, advance.start, reply):
            return error
        if self.lane != advance.lane:
            self.copy.move_to(advance.lane)
            self.lane, self.attempt, self.deferrals = advance.lane, 1, 0
            self.deliveries, self.is_suspect = 1, False
        return None

    def finishing(self, verdict: str, change: Change, note: Note = b"") -> Operation:
        """Return how to settle on a verdict after which nothing is left to do."""
        event = self._router.event(change, self.as_it_is, note)
        return finish(self.id, self.token, self.revision, verdict, event)

    def finished(self, verdict: str, reply: Reply | QueueError) -> QueueError | None:
        """Take in the reply; return what went wrong. What is left is to `let_go`."""
        if isinstance(reply, QueueError):
            return reply
        if not is_ours(reply) or self.settled not in {"", verdict}:
            self.lose()
            return LeaseLost(self.id)
        self.stop_tracking()
        return None

    def let_go(self, verdict: str) -> None:
        """Have no copy left of what was settled."""
        if not self.settled:
            self.copy.done()
        self.settled = verdict

    def lose(self) -> None:
        """Let it be looked at anew, for its claim knows what became of it; unless a verdict was
        decided and is not carried out, for then the one that decided may still do so.
        """
        is_undone = self.decided != self.settled
        if not is_undone and self.stop_tracking() and not self.settled:
            requeue_in_front(self.copy)

    def stop_tracking(self) -> bool:
        """End this process's hold; tell whether it held it."""
        return self._stop_tracking(self)

    @property
    def as_it_is(self) -> Envelope:
        """The message as it is once it has been taken up: it waits for no time any more."""
        envelope = self.copy.envelope
        return replace(envelope, due=0) if envelope.due else envelope

    def keep(self, progress: str | None) -> None:
        """Keep what was said of how far its worker came, if anything was."""
        self.progress = self.progress if progress is None else progress

    def later(self, delay: timedelta, **changes: int) -> Envelope:
        """Return the next copy, for after a while."""
        due = self._router.now_ms + whole_ms(delay) if delay > timedelta(0) else 0
        return self.moved(due=due, is_pause=due > 0, **changes)

    def moved(self, **changes: object) -> Envelope:
        """Return the next copy."""
        since = self._router.now_ms
        return self.copy.envelope.moved(since=since, progress=self.progress, **changes)

    def _ended_too_late(self, reply: Reply) -> QueueError:
        if error := self.finished("expire", reply):
            return error
        self.let_go("expire")
        self.is_expired = True
        return MessageExpired(self.id)


def requeue_in_front(copy: ReceivedCopy) -> None:
    """Let the next worker of this process that asks have it, before all others."""
    copy.was_delayed = False
    copy.session.put_in_front(copy)
