"""How each outcome of a stage is settled: the queue's move, the log's line, the metric's label.

`StageDelivery.settlement` is the one place that decides these three.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, assert_never

from durable_queue.port import ClaimEnded, Delivery, MessageExpired, OnAmbiguous
from notification_contracts.channels import ChannelName
from notification_contracts.events import NotificationRequested
from notification_contracts.lanes import delivery_lane
from notification_contracts.states import Priority, Reason, Status
from notification_ledger.status_update import StatusUpdate
from service_kit.logs import get_logger

from notification_dispatcher.application.ports import Starting
from notification_dispatcher.domain.sending import ProviderCall
from notification_dispatcher.domain.verdicts import (
    Deferred,
    Failed,
    NotSent,
    Retrying,
    Sent,
    Validated,
    Verdict,
)

log = get_logger(__name__)


async def _stay() -> None:
    """Move nothing: the queue has settled the message already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """How one outcome is settled.

    `name` is the verdict in the metrics, and with `notification.` before it the event in the log.
    `move` raises `LeaseLost` if the notification is another worker's by now: nothing was changed.
    """

    name: str
    move: Callable[[], Awaitable[None]] = _stay
    channel: ChannelName | None = None
    reason: Reason | None = None
    call: ProviderCall | None = None
    delay: timedelta | None = None
    is_worrying: bool = False

    def log(self, **fields: str | int | float) -> None:
        """Write the line. Neither addresses nor texts are ever in it, so details are not."""
        if self.channel is not None:
            fields["channel"] = self.channel
        if self.reason is not None:
            fields["reason"] = self.reason.value
        if self.delay is not None:
            fields["delay_s"] = round(self.delay.total_seconds(), 1)
        if self.call is not None:
            fields["provider"] = self.call.provider
            fields["send_ms"] = _milliseconds(self.call.duration)
        write = log.warning if self.is_worrying else log.info
        write(f"notification.{self.name}", **fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class StageDelivery:
    """A message that a stage works on.

    `channel` is the stage's, None for validation; `event` is None if it can't be understood.
    `on_ambiguous` says what becomes of it if this process dies while it is being sent.
    """

    delivery: Delivery
    channel: ChannelName | None
    on_ambiguous: OnAmbiguous
    event: NotificationRequested | None = None

    async def start(self, starting: Starting) -> None:
        """Pass the point of no return; see `Delivery.start`.

        Raises:
            ClaimEnded: the notification is another worker's, was cancelled, or has expired.
        """
        attempt = self.delivery.attempt
        update = StatusUpdate(
            status=Status.SENDING,
            channel=self.channel,
            provider=starting.provider,
            attempt=attempt,
            attempts=attempt,
        )
        repeatable = OnAmbiguous.RESEND if starting.is_repeatable else self.on_ambiguous
        await self.delivery.start(
            update.encode(), on_ambiguous=repeatable, progress=starting.progress
        )

    def settlement(self, outcome: Verdict | ClaimEnded) -> Settlement:
        """Decide how a verdict is settled, or a claim that ended before there was one."""
        delivery = self.delivery
        match outcome:
            case Validated(channel=channel):
                note = self._note(Status.VALIDATED, outcome)
                move = partial(delivery.forward, delivery_lane(channel, self._priority), note)
                settled = Settlement(name="validated", move=move, channel=channel)
            case Sent(call=call):
                move = partial(delivery.ack, self._note(Status.SENT, outcome))
                settled = Settlement(name="sent", move=move, channel=self.channel, call=call)
            case Deferred(delay=delay, call=call, progress=progress):
                note = self._note(Status.RETRYING if call else self._waiting, outcome)
                move = partial(delivery.defer, delay, note, progress=progress)
                settled = self._unsent("deferred", move, outcome, delay)
            case Retrying(delay=delay, is_uncertain=uncertain, progress=progress):
                note = self._note(Status.RETRYING, outcome)
                retry = partial(delivery.retry, is_uncertain=uncertain, progress=progress)
                move = partial(retry, delay, note)
                settled = self._unsent("retrying", move, outcome, delay)
            case Failed(reason=reason, detail=detail, is_uncertain=uncertain):
                note, error = self._note(Status.FAILED, outcome), f"{reason}: {detail}"
                move = partial(delivery.dead_letter, error, note, is_uncertain=uncertain)
                settled = self._unsent("failed", move, outcome)
            case MessageExpired():
                settled = Settlement(name="expired", channel=self.channel)
            case ClaimEnded():  # cancelled, or another worker's by now; that the upkeep warns of
                settled = Settlement(name="claim_lost", channel=self.channel)
            case never:
                assert_never(never)
        return settled

    def _unsent(
        self,
        name: str,
        move: Callable[[], Awaitable[None]],
        verdict: NotSent,
        delay: timedelta | None = None,
    ) -> Settlement:
        return Settlement(
            name=name,
            move=move,
            channel=self.channel,
            reason=verdict.reason,
            call=verdict.call,
            delay=delay,
            is_worrying=isinstance(verdict, Failed),
        )

    @property
    def _priority(self) -> Priority:
        return self.event.priority if self.event else Priority.NORMAL

    @property
    def _waiting(self) -> Status:
        """What a notification is while it waits for its turn in this stage."""
        if self.channel is None:
            return Status.QUEUED
        return Status.VALIDATED if self.delivery.attempt == 1 else Status.RETRYING

    def _note(self, status: Status, verdict: Verdict) -> bytes:
        unsent = verdict if isinstance(verdict, NotSent) else None
        sent = verdict if isinstance(verdict, Sent) else None
        call = None if isinstance(verdict, Validated) else verdict.call
        attempt = self.delivery.attempt if call else None
        return StatusUpdate(
            status=status,
            reason=unsent.reason if unsent else None,
            detail=unsent.detail if unsent else None,
            channel=verdict.channel if isinstance(verdict, Validated) else self.channel,
            provider=call.provider if call else None,
            attempt=attempt,
            attempts=attempt,
            duration_ms=_milliseconds(call.duration) if call else None,
            message_id=sent.message_id if sent else None,
            targets=None if isinstance(verdict, Validated) else verdict.targets or None,
            delivery_mode=sent.diversion if sent else None,
            **self._said_by_the_event(),
        ).encode()

    def _said_by_the_event(self) -> dict[str, Any]:
        """Return what a record keeps of the event: one that was pushed by hand has it from here."""
        if self.event is None:
            return {}
        if self.channel is not None:
            return {"user_id": self.event.user_id}
        kept = {name: getattr(self.event, name) for name in ("user_id", "tags", "reference")}
        return kept | {"is_test": self.event.is_test or None}


def _milliseconds(duration: timedelta) -> float:
    return round(duration / timedelta(milliseconds=1), 1)
