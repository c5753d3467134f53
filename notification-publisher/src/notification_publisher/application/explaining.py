"""Why a notification is where it is: in a sentence or two that a clerk understands."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from durable_queue.port import BrokerClock
from notification_contracts.states import Status
from notification_ledger.channel_pauses import ChannelPauses
from notification_ledger.reading import NotificationRecord

from notification_publisher.application.sentences import (
    CAN_BE_CANCELLED,
    WAITS_FOR_ITS_CHANNEL,
    Sentences,
)
from notification_publisher.application.tracking import ShowNotification


class Action(StrEnum):
    """What can be done with a notification."""

    CANCEL = "cancel"
    REPLAY = "replay"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A figure on which an explanation rests, as text; times as in RFC 3339."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Where a notification is, why, what happens next, and what one can do about it.

    `sentence` is `where`, `why`, `next` and `advice` in one; those that are None are left out.
    """

    trace_id: str
    status: Status
    reason: str | None
    sentence: str
    where: str
    why: str | None
    next: str
    advice: str | None
    actions: tuple[Action, ...]
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainNotification:
    """Tell why a notification is where it is, the pause of its channel included."""

    show: ShowNotification
    pauses: ChannelPauses
    clock: BrokerClock

    async def __call__(self, trace_id: str) -> Explanation:
        record, paused_at = await self.show(trace_id), None
        if record.channel is not None and record.status in WAITS_FOR_ITS_CHANNEL:
            paused_at = (await self.pauses.paused()).get(record.channel)
        return explain(record, await self.clock.time(), paused_at)


def explain(
    record: NotificationRecord, now: datetime, paused_at: datetime | None = None
) -> Explanation:
    """Explain a record, as it is at `now`; `paused_at` as in `Sentences`."""
    said = Sentences(record, now, paused_at)
    parts = (said.where, said.why, said.next, said.advice)
    where, why, next_, advice = parts
    return Explanation(
        trace_id=record.trace_id,
        status=record.status,
        reason=record.reason,
        sentence=" ".join(part for part in parts if part),
        where=where,
        why=why,
        next=next_,
        advice=advice,
        actions=_actions(record),
        facts=tuple(
            Fact(name=name, value=str(value))
            for name, value in _facts(record, said, paused_at).items()
            if value
        ),
    )


def _actions(record: NotificationRecord) -> tuple[Action, ...]:
    if record.is_dead_letter:
        return (Action.REPLAY, Action.DELETE)
    return (Action.CANCEL,) if record.status in CAN_BE_CANCELLED else ()


def _facts(
    record: NotificationRecord, said: Sentences, paused_at: datetime | None
) -> Mapping[str, object]:
    taken = [each for each in record.timeline if each.message_id]
    return {
        "since": _stamp(record.updated_at),
        "attempts": record.attempts,
        "next_attempt_at": record.next_attempt_at and _stamp(record.next_attempt_at),
        "channel": record.channel,
        "provider": next((e.provider for e in reversed(record.timeline) if e.provider), None),
        "said": said.words and said.words.detail,
        "message_id": taken[-1].message_id if taken else None,
        "delivery_mode": record.delivery_mode,
        "channel_paused_at": paused_at and _stamp(paused_at),
    }


def _stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
