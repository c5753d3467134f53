"""A queue, the ledger that it keeps, and time: what the contract works with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from durable_queue.port import Change, Delivery, Message, Note, Queue
from durable_queue.recorder import ChangeEvent
from notification_contracts.lanes import delivery_lane, validation_lane
from notification_contracts.states import Priority, Status
from notification_contracts.trace_ids import new_trace_id
from notification_ledger.reading import NotificationRecord
from notification_ledger.status_update import StatusUpdate
from notification_ledger.writing import LedgerStore

VALIDATION = validation_lane(Priority.NORMAL)
DELIVERY = delivery_lane("email", Priority.NORMAL)
LANES = (VALIDATION, DELIVERY)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerHarness:
    """`skip` lets so much time pass; `now` is the queue's time."""

    queue: Queue
    ledger: LedgerStore
    now: Callable[[], datetime]
    skip: Callable[[timedelta], Awaitable[None]]

    async def send(
        self,
        *,
        user_id: str | None = "user_test",
        channel: str | None = None,
        send_at: datetime | None = None,
        expires_at: datetime | None = None,
        max_attempts: int = 8,
        tags: tuple[str, ...] | None = None,
        reference: str | None = None,
    ) -> str:
        """Send one notification; return its trace id."""
        message = Message(
            id=new_trace_id(),
            lane=VALIDATION,
            body=b"{}",
            due_at=send_at,
            expires_at=expires_at,
            max_attempts=max_attempts,
            note=StatusUpdate(
                status=Status.QUEUED,
                user_id=user_id,
                channel=channel,
                tags=tags,
                reference=reference,
            ).encode(),
        )
        await self.queue.send(message)
        return message.id

    async def receive(self, *lanes: str) -> Delivery:
        """Receive the message that is next, in these lanes or in any."""
        wait = timedelta(seconds=30)
        (delivery,) = await self.queue.receive(lanes or LANES, limit=1, wait=wait)
        return delivery

    async def forward(self) -> Delivery:
        """Take what is next through validation; return its delivery in the delivery stage."""
        note = StatusUpdate(status=Status.VALIDATED, channel="email").encode()
        await (await self.receive()).forward(DELIVERY, note)
        return await self.receive(DELIVERY)

    async def fail(self, reason: str, *, channel: str = "email") -> str:
        """Send a notification and give it up; return its trace id."""
        trace_id = await self.send(channel=channel)
        note = StatusUpdate(status=Status.FAILED, reason=reason).encode()
        await (await self.receive()).dead_letter(reason, note)
        return trace_id

    async def pass_time(self, by: timedelta) -> None:
        """Let time pass, and have the queue do its upkeep."""
        await self.skip(by)
        await self.queue.tick(LANES)

    async def record(self, trace_id: str) -> NotificationRecord:
        """Return a record that must be there."""
        found = await self.ledger.get(trace_id)
        assert found is not None
        return found

    async def statuses(self, trace_id: str) -> list[str]:
        """Return the statuses of a record's timeline."""
        return [entry.status for entry in (await self.record(trace_id)).timeline]


def recorded(
    trace_id: str, change: Change, note: Note = b"", *, lane: str = DELIVERY
) -> ChangeEvent:
    """Make a change as a queue without scripts tells the ledger of it."""
    return ChangeEvent(
        change=change, message_id=trace_id, lane=lane, at=datetime.now(UTC), due_at=None, note=note
    )
