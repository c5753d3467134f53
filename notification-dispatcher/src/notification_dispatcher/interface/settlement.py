"""Settles a delivery as its verdict says: the only place that touches the queue's verbs."""

from dataclasses import dataclass
from typing import assert_never

from durable_queue.port import Delivery, OnAmbiguous
from notification_contracts.channels import ChannelName
from notification_contracts.events import NotificationRequested
from notification_contracts.lanes import delivery_lane
from notification_contracts.states import Priority, Reason, Status
from notification_ledger.notes import StatusNote

from notification_dispatcher.domain.outcomes import Trial
from notification_dispatcher.domain.verdicts import (
    Abandoned,
    Deferred,
    Delivered,
    Forwarded,
    Retried,
    Verdict,
)
from notification_dispatcher.interface.reports import milliseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """Settles one delivery.

    `channel` is None while it is not chosen yet, `event` if there is none that can be understood.
    `on_ambiguous` says what becomes of it if this process dies while it is being sent.
    """

    delivery: Delivery
    channel: ChannelName | None = None
    event: NotificationRequested | None = None
    on_ambiguous: OnAmbiguous = OnAmbiguous.RESEND

    async def start(self, provider: str) -> None:
        """Pass the point of no return; see `Delivery.start`.

        Raises:
            ClaimEnded: the notification is another worker's, was cancelled, or has expired.
        """
        attempt = self.delivery.attempt
        note = StatusNote(
            status=Status.SENDING,
            channel=self.channel,
            provider=provider,
            attempt=attempt,
            attempts=attempt,
        ).encode()
        await self.delivery.start(note, on_ambiguous=self.on_ambiguous)

    async def settle(self, verdict: Verdict) -> None:
        """Do what the verdict says.

        Raises:
            LeaseLost: the notification is another worker's by now; nothing was changed.
        """
        delivery = self.delivery
        match verdict:
            case Forwarded(channel=channel):
                note = self._note(Status.VALIDATED, channel=channel)
                await delivery.forward(delivery_lane(channel, self._priority), note)
            case Delivered(trial=trial):
                note = self._note(Status.SENT, trial=trial)
                await delivery.ack(note)
            case Deferred(delay=delay, reason=reason, detail=detail, trial=trial):
                status = Status.RETRYING if trial else self._waiting
                note = self._note(status, reason, detail, trial=trial)
                await delivery.defer(delay, note)
            case Retried(delay=delay, reason=reason, detail=detail, trial=trial):
                note = self._note(Status.RETRYING, reason, detail, trial=trial)
                await delivery.retry(delay, note, is_uncertain=verdict.is_uncertain)
            case Abandoned(reason=reason, detail=detail, trial=trial):
                note = self._note(Status.FAILED, reason, detail, trial=trial)
                error = f"{reason}: {detail}"
                await delivery.dead_letter(error, note, is_uncertain=verdict.is_uncertain)
            case never:
                assert_never(never)

    @property
    def _priority(self) -> Priority:
        return self.event.priority if self.event else Priority.NORMAL

    @property
    def _waiting(self) -> Status:
        """What a notification is while it waits for its turn in this stage."""
        if self.channel is None:
            return Status.QUEUED
        return Status.VALIDATED if self.delivery.attempt == 1 else Status.RETRYING

    def _note(
        self,
        status: Status,
        reason: Reason | None = None,
        detail: str | None = None,
        *,
        trial: Trial | None = None,
        channel: ChannelName | None = None,
    ) -> bytes:
        attempt = self.delivery.attempt if trial else None
        return StatusNote(
            status=status,
            reason=reason,
            detail=detail,
            channel=channel or self.channel,
            provider=trial.provider if trial else None,
            attempt=attempt,
            attempts=attempt,
            duration_ms=milliseconds(trial.duration) if trial else None,
            user_id=self.event.user_id if self.event else None,
        ).encode()
