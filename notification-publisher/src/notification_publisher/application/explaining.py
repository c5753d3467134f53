"""Why a notification is where it is: in a sentence or two that a clerk understands."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from durable_queue.port import BrokerClock
from notification_contracts.durations import in_words, since, until
from notification_contracts.meanings import Meaning, in_place, meaning_of
from notification_contracts.states import Reason, Status
from notification_ledger.reading import NotificationRecord, TimelineEntry

from notification_publisher.application.tracking import ShowNotification

_BY_ITSELF: Final = "It goes on by itself."
_NOTHING_MORE: Final = "Nothing more happens by itself."
_TWICE: Final = "Sent again, it may arrive twice."


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
    """Tell why a notification is where it is."""

    show: ShowNotification
    clock: BrokerClock

    async def __call__(self, trace_id: str) -> Explanation:
        return explain(await self.show(trace_id), await self.clock.time())


def explain(record: NotificationRecord, now: datetime) -> Explanation:
    """Explain a record, as it is at `now`."""
    said = _Said(record, now)
    parts = (_WHERE[record.status](said), said.why, said.next, said.advice)
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
        actions=said.actions,
        facts=tuple(
            Fact(name=name, value=str(value)) for name, value in said.facts.items() if value
        ),
    )


@dataclass(frozen=True, slots=True)
class _Said:
    record: NotificationRecord
    now: datetime

    @property
    def channel(self) -> str:
        return self.record.channel or "its channel"

    @property
    def provider(self) -> str:
        named = (each.provider for each in reversed(self.record.timeline) if each.provider)
        return next(named, "the provider")

    @property
    def was_taken(self) -> bool:
        return any(each.status is Status.SENT for each in self.record.timeline)

    @property
    def has_ended(self) -> bool:
        return self.record.status.is_final and not self.record.is_dead_letter

    @property
    def meaning(self) -> Meaning | None:
        return None if self.record.reason is None else meaning_of(self.record.reason)

    @property
    def words(self) -> TimelineEntry | None:
        """The last entry that says more of the reason than its code."""
        record = self.record
        told = (each for each in reversed(record.timeline) if each.detail and each.reason)
        return next((each for each in told if each.reason == record.reason), None)

    @property
    def why(self) -> str | None:
        if self.meaning is None:
            return None
        because = f"This is because {self._filled(self.meaning.because)}"
        words = self.words
        if words is None or words.detail == words.reason:
            return f"{because}."
        said = f"{words.provider} said" if words.provider else "in detail"
        return f"{because}; {said}: “{words.detail}”."

    @property
    def next(self) -> str:
        record = self.record
        due = record.next_attempt_at
        if record.is_dead_letter:
            return "Nothing more happens by itself; it is kept among the dead letters."
        if record.status is Status.SENDING:
            return "The provider's answer decides what comes next."
        if record.status is Status.SENT:
            return "If the provider reports what became of it, that is shown here."
        if record.status.is_final:
            return _NOTHING_MORE
        if record.status is Status.SCHEDULED or due is None:
            return _BY_ITSELF
        return f"It is tried again {until(due, self.now)}."

    @property
    def advice(self) -> str | None:
        record, remedy = self.record, self.meaning and self.meaning.remedy
        told = self._filled(remedy) if remedy else None
        if record.is_dead_letter:
            replay = (
                f"{_begun(told)}; then replay it." if told else "It can be replayed or deleted."
            )
            return f"{replay} {_TWICE}" if record.reason == Reason.AMBIGUOUS else replay
        if record.status in _CAN_BE_CANCELLED:
            help_ = f"To help it: {told}. " if told else ""
            return f"{help_}It can still be cancelled."
        if record.status is Status.FAILED:
            return f"{_begun(told)}; then send it anew." if told else None
        return None

    @property
    def actions(self) -> tuple[Action, ...]:
        if self.record.is_dead_letter:
            return (Action.REPLAY, Action.DELETE)
        return (Action.CANCEL,) if self.record.status in _CAN_BE_CANCELLED else ()

    @property
    def facts(self) -> Mapping[str, object]:
        record, words = self.record, self.words
        taken = [each for each in record.timeline if each.message_id]
        return {
            "since": _stamp(record.updated_at),
            "attempts": record.attempts,
            "next_attempt_at": record.next_attempt_at and _stamp(record.next_attempt_at),
            "channel": record.channel,
            "provider": next((e.provider for e in reversed(record.timeline) if e.provider), None),
            "said": words and words.detail,
            "message_id": taken[-1].message_id if taken else None,
            "delivery_mode": record.delivery_mode,
        }

    def waiting(self) -> str:
        return in_words(max(self.now - self.record.updated_at, timedelta(0)))

    def ago(self) -> str:
        return since(self.record.updated_at, self.now)

    def _filled(self, text: str) -> str:
        return in_place(text, user=self.record.user_id, channel=self.record.channel)


def _scheduled(said: _Said) -> str:
    due = said.record.next_attempt_at
    return f"It waits for its time, {until(due, said.now)}." if due else "It waits for its time."


def _queued(said: _Said) -> str:
    return f"It has waited for its turn for {said.waiting()}; its address is not looked up yet."


def _validated(said: _Said) -> str:
    return (
        f"Its address is known, and it has waited for {said.waiting()} to be sent on"
        f" {said.channel}."
    )


def _sending(said: _Said) -> str:
    return f"It has been on its way to {said.provider} on {said.channel} for {said.waiting()}."


def _retrying(said: _Said) -> str:
    return f"It is not sent yet: {_attempts(said.record)}, the last one {said.ago()}."


def _sent(said: _Said) -> str:
    match said.record.delivery_mode:
        case "captured" if said.record.is_test:
            return f"It was captured {said.ago()}: it reached nobody, as it was sent by a test key."
        case "captured":
            return f"It was captured {said.ago()}: it reached nobody, as the settings ask."
        case "redirected":
            return (
                f"It was sent on {said.channel} {said.ago()}, but redirected, as the settings ask."
            )
    return f"It was sent: {said.provider} took it on {said.channel} {said.ago()}."


def _delivered(said: _Said) -> str:
    return f"It has arrived: {said.provider} reported so {said.ago()}."


def _failed(said: _Said) -> str:
    if said.record.is_dead_letter:
        return f"It was not sent, and was given up {said.ago()}: {_attempts(said.record)}."
    if said.was_taken:
        return f"It was sent, but did not arrive: {said.provider} reported so {said.ago()}."
    return f"It was not sent, and its dead letter was deleted {said.ago()}."


def _cancelled(said: _Said) -> str:
    return f"It was cancelled {said.ago()}, and is not sent."


def _expired(said: _Said) -> str:
    return f"It was not sent in time, and expired {said.ago()}."


def _attempts(record: NotificationRecord) -> str:
    if not record.attempts:
        return "no provider was asked"
    return f"{record.attempts} attempt{'' if record.attempts == 1 else 's'} failed"


def _begun(text: str | None) -> str:
    return text[0].upper() + text[1:] if text else ""


def _stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


_CAN_BE_CANCELLED: Final = frozenset(
    {Status.SCHEDULED, Status.QUEUED, Status.VALIDATED, Status.RETRYING}
)
_WHERE: Final[Mapping[Status, Callable[[_Said], str]]] = {
    Status.SCHEDULED: _scheduled,
    Status.QUEUED: _queued,
    Status.VALIDATED: _validated,
    Status.SENDING: _sending,
    Status.RETRYING: _retrying,
    Status.SENT: _sent,
    Status.DELIVERED: _delivered,
    Status.FAILED: _failed,
    Status.CANCELLED: _cancelled,
    Status.EXPIRED: _expired,
}
