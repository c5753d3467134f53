"""The sentences in which a notification is explained: where it is, why, and what comes next."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from notification_contracts.durations import in_words, since, until
from notification_contracts.meanings import Meaning, in_place, meaning_of
from notification_contracts.states import Reason, Status
from notification_ledger.reading import NotificationRecord, TimelineEntry

_BY_ITSELF: Final = "It goes on by itself."
_NOTHING_MORE: Final = "Nothing more happens by itself."
_NEXT: Final[Mapping[Status, str]] = {
    Status.SCHEDULED: _BY_ITSELF,
    Status.SENDING: "The provider's answer decides what comes next.",
    Status.SENT: "If the provider reports what became of it, that is shown here.",
}
_TWICE: Final = "Sent again, it may arrive twice."
CAN_BE_CANCELLED: Final = frozenset(
    {Status.SCHEDULED, Status.QUEUED, Status.VALIDATED, Status.RETRYING}
)
WAITS_FOR_ITS_CHANNEL: Final = frozenset({Status.VALIDATED, Status.RETRYING})


@dataclass(frozen=True, slots=True)
class Sentences:
    """What there is to say of a record at `now`.

    `paused_at` is when its channel was paused, if it waits for that.
    """

    record: NotificationRecord
    now: datetime
    paused_at: datetime | None = None

    @property
    def where(self) -> str:
        """Where it is."""
        return _WHERE[self.record.status](self)

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
        """Why it is there; None if that needs no reason."""
        told = (self._pause, self._because)
        return " ".join(each for each in told if each) or None

    @property
    def _pause(self) -> str | None:
        if self.paused_at is None:
            return None
        ago = since(self.paused_at, self.now)
        return f"The channel {self.channel} is paused: an operator did that {ago}."

    @property
    def _because(self) -> str | None:
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
        """What happens next."""
        record, due = self.record, self.record.next_attempt_at
        if self.paused_at is not None:
            return f"It goes on when {self.channel} is resumed."
        if record.is_dead_letter:
            return "Nothing more happens by itself; it is kept among the dead letters."
        if record.status in _NEXT:
            return _NEXT[record.status]
        if record.status.is_final:
            return _NOTHING_MORE
        return _BY_ITSELF if due is None else f"It is tried again {until(due, self.now)}."

    @property
    def advice(self) -> str | None:
        """What one can do about it."""
        record, remedy = self.record, self.meaning and self.meaning.remedy
        told = self._filled(remedy) if remedy else None
        if record.is_dead_letter:
            replay = (
                f"{_begun(told)}; then replay it." if told else "It can be replayed or deleted."
            )
            return f"{replay} {_TWICE}" if record.reason == Reason.AMBIGUOUS else replay
        if record.status in CAN_BE_CANCELLED:
            help_ = f"To help it: {told}. " if told else ""
            return f"{help_}It can still be cancelled."
        if record.status is Status.FAILED:
            return f"{_begun(told)}; then send it anew." if told else None
        return None

    def waiting(self) -> str:
        return in_words(max(self.now - self.record.updated_at, timedelta(0)))

    def ago(self) -> str:
        return since(self.record.updated_at, self.now)

    def _filled(self, text: str) -> str:
        return in_place(text, user=self.record.user_id, channel=self.record.channel)


def _scheduled(said: Sentences) -> str:
    due = said.record.next_attempt_at
    return f"It waits for its time, {until(due, said.now)}." if due else "It waits for its time."


def _queued(said: Sentences) -> str:
    return f"It has waited for its turn for {said.waiting()}; its address is not looked up yet."


def _validated(said: Sentences) -> str:
    return (
        f"Its address is known, and it has waited for {said.waiting()} to be sent on"
        f" {said.channel}."
    )


def _sending(said: Sentences) -> str:
    return f"It has been on its way to {said.provider} on {said.channel} for {said.waiting()}."


def _retrying(said: Sentences) -> str:
    return f"It is not sent yet: {_attempts(said.record)}, the last one {said.ago()}."


def _sent(said: Sentences) -> str:
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


def _delivered(said: Sentences) -> str:
    return f"It has arrived: {said.provider} reported so {said.ago()}."


def _failed(said: Sentences) -> str:
    if said.record.is_dead_letter:
        return f"It was not sent, and was given up {said.ago()}: {_attempts(said.record)}."
    if said.was_taken:
        return f"It was sent, but did not arrive: {said.provider} reported so {said.ago()}."
    return f"It was not sent, and its dead letter was deleted {said.ago()}."


def _cancelled(said: Sentences) -> str:
    return f"It was cancelled {said.ago()}, and is not sent."


def _expired(said: Sentences) -> str:
    return f"It was not sent in time, and expired {said.ago()}."


def _attempts(record: NotificationRecord) -> str:
    if not record.attempts:
        return "no provider was asked"
    return f"{record.attempts} attempt{'' if record.attempts == 1 else 's'} failed"


def _begun(text: str | None) -> str:
    return text[0].upper() + text[1:] if text else ""


_WHERE: Final[Mapping[Status, Callable[[Sentences], str]]] = {
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
