"""The steps that every move of a message consists of, and the order in which they are taken.

Of a message that moves on, verdict and record come first, in one step; then it is put where it
goes, with a confirm; then its claim is told, and only then the copy that it came from is
acknowledged. A crash between two steps makes a second copy, of which the claims know that it is
old. A message that comes in, anew or out of the dead letters, is put into the broker first and
recorded then, for what could not be stored must not be on record; until that is done its claim
lets nobody take it.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from service_kit.epoch import to_ms

from durable_queue.claims.operations import Claims, Reservation
from durable_queue.claims.store import State
from durable_queue.clock import steady_now
from durable_queue.messages import UNDONE
from durable_queue.port import Change, Note
from durable_queue.rabbitmq.envelope import Envelope, time_or_none
from durable_queue.rabbitmq.options import RabbitOptions
from durable_queue.rabbitmq.publisher import Publisher
from durable_queue.recorder import ChangeEvent

_ALMOST_MS: Final = 20
"""So little before its time a message counts as due: a delay queue costs more."""
_SET_BACK_MS: Final = 1000
"""So much may two processes differ over what the clock shows."""


class MessageRouter:
    """What the parts of the adapter do with messages."""

    def __init__(
        self,
        publisher: Publisher,
        claims: Claims,
        options: RabbitOptions,
        *,
        steady: Callable[[], datetime] = steady_now,
    ) -> None:
        self.publisher = publisher
        self.claims = claims
        self.options = options
        self.now = claims.now
        self._steady = steady

    @property
    def lease_ends(self) -> datetime:
        """When a lease that begins now is over, by a clock that is never set."""
        return self._steady() + self.options.lease

    def is_over(self, lease_ends: datetime) -> bool:
        """Tell whether a lease is over."""
        return lease_ends <= self._steady()

    @property
    def now_ms(self) -> int:
        """The time in milliseconds since 1970."""
        return to_ms(self.now())

    def age(self, since_ms: int) -> timedelta:
        """Return how long ago that was, or nothing if the clock was set back since."""
        return timedelta(milliseconds=max(self.now_ms - since_ms, 0) if since_ms else 0)

    def event(
        self,
        change: Change,
        envelope: Envelope,
        note: Note = b"",
        *,
        at_ms: int = 0,
    ) -> ChangeEvent:
        """Say what happened to a message, which is then as `envelope` says; by default now."""
        return ChangeEvent(
            change=change,
            message_id=envelope.id,
            lane=envelope.lane,
            at=time_or_none(at_ms) or self.now(),
            due_at=time_or_none(envelope.due),
            note=note,
            is_uncertain=envelope.uncertain and change in UNDONE,
        )

    async def record(self, change: Change, envelope: Envelope, note: Note = b"") -> None:
        """Record what happened without a verdict. Raises `QueueUnavailable`; again is safe."""
        due = replace(envelope, due=0)
        await self.claims.record(self.event(change, due, note))

    def is_due(self, envelope: Envelope) -> bool:
        """Tell whether a delayed message may go on, or must because it expired."""
        # One that is to expire before it is due must not be sent in its last moments instead.
        return envelope.due <= self.now_ms + _ALMOST_MS or self.is_expired(envelope)

    def is_expired(self, envelope: Envelope) -> bool:
        """Tell whether it is too late to start."""
        return 0 < envelope.expires <= self.now_ms

    async def put(self, envelope: Envelope) -> None:
        """Put a message that moves into its lane, or first where it waits until it is due."""
        if self.is_due(envelope):
            await self.publisher.to_lane(envelope)
            return
        if envelope.is_pause and self.now_ms < envelope.since - _SET_BACK_MS:
            # The clock was set back; how long it has waited is unknown, but not an hour longer.
            pause_ms = envelope.due - envelope.since
            envelope = replace(envelope, due=self.now_ms + pause_ms, since=self.now_ms)
        left_ms = envelope.look_at - self.now_ms
        await self.publisher.to_delay_queue(envelope, left_ms)


async def publish_and_record(
    router: MessageRouter,
    envelope: Envelope,
    reservation: Reservation,
    change: Change,
    note: bytes = b"",
) -> bool:
    """Put a new message, or one that was dead, into the broker, then record it, then let it go.

    False if it took too long, and another may have taken its place meanwhile.
    """
    if router.is_due(envelope):
        await router.publisher.to_lane(envelope, is_new=True)
    else:
        await router.put(envelope)
    event = router.event(change, envelope, note)
    settled = router.claims.settled
    return await settled(
        envelope.id, reservation.token, envelope.revision, State.WAITING, event=event
    )
