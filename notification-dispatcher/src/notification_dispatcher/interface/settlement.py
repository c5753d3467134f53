"""How each outcome of a stage is settled: the queue's move, the log's line, the metric's label.

`StageDelivery.settlement` is the one place that decides these three.
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache, partial
from typing import Any, Final, assert_never

from durable_queue import port as queue
from durable_queue.port import ClaimEnded, MessageExpired, OnAmbiguous
from durable_queue.worker import NotAdvanced, TrackedDelivery
from notification_contracts.channels import ChannelName
from notification_contracts.events import NotificationRequested
from notification_contracts.lanes import delivery_lane
from notification_contracts.states import Priority, Reason, Status
from notification_ledger.status_update import StatusUpdate
from service_kit.logs import PreparedLine, get_logger

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
from notification_dispatcher.interface.metrics import StageMetrics

log = get_logger(__name__)


_PREPARED: Final = {
    name: PreparedLine(__name__, f"notification.{name}")
    for name in ("validated", "sent", "deferred", "retrying", "expired", "claim_lost")
}


@dataclass(slots=True, kw_only=True)
class Settlement:
    """How one outcome is settled.

    `name` is the verdict in the metrics, and with `notification.` before it the event in the log.
    `verdict` is what the queue is told; None if it has settled the message already.
    """

    name: str
    verdict: queue.Verdict | None = None
    channel: ChannelName | None = None
    reason: Reason | None = None
    call: ProviderCall | None = None
    delay: timedelta | None = None

    def log(self, fields: dict[str, object]) -> None:
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
        if line := _PREPARED.get(self.name):
            line.write(fields)
        else:
            log.warning(f"notification.{self.name}", **fields)


@dataclass(slots=True, kw_only=True)
class Stage:
    """What all messages of a stage have in common.

    `channel` is None for validation. `on_ambiguous` says what becomes of a message if this process
    dies while it is being sent.
    """

    name: str
    channel: ChannelName | None
    on_ambiguous: OnAmbiguous
    metrics: StageMetrics


class StageDelivery:
    """A message that a stage works on. `event` is None if it can't be understood.

    One that came from validation without having left it yet has `ahead` what it is there, and how
    that is settled: its start takes it on, and any outcome before that lets it wait in the lane.
    """

    __slots__ = ("_ahead", "_began", "attempt", "delivery", "event", "stage")

    def __init__(
        self,
        stage: Stage,
        delivery: TrackedDelivery,
        event: NotificationRequested | None = None,
        ahead: "tuple[StageDelivery, Settlement] | None" = None,
    ) -> None:
        self.stage = stage
        self.delivery = delivery
        self.event = event
        self.attempt = delivery.attempt if ahead is None else 1
        self._ahead = ahead
        self._began = time.perf_counter()

    async def start(self, starting: Starting) -> None:
        """Pass the point of no return; see `Delivery.start`.

        Raises:
            ClaimEnded: the notification is another worker's, was cancelled, or has expired.
            NotAdvanced: it came from validation, and waits behind others now.
        """
        note = _sending(self.stage.channel, starting.provider, self.attempt)
        on_ambiguous = OnAmbiguous.RESEND if starting.is_repeatable else self.stage.on_ambiguous
        if self._ahead is None:
            await self.delivery.start(note, on_ambiguous=on_ambiguous, progress=starting.progress)
            return
        validation, settlement = self._ahead
        match settlement.verdict:
            case queue.Forward(lane, forwarded):
                start = queue.Start(note, on_ambiguous, starting.progress)
                try:
                    await self.delivery.advance(queue.Advance(lane, forwarded, start))
                except NotAdvanced:
                    validation.tell(settlement)
                    raise
        self._ahead, self._began = None, time.perf_counter()
        validation.tell(settlement)

    def conclude(self, outcome: Verdict | ClaimEnded) -> None:
        """Settle a verdict, soon, and tell of it; or tell of a claim that ended before."""
        if self._ahead is None:
            self._settle(self.settlement(outcome))
        elif isinstance(outcome, ClaimEnded):
            self._ahead[0].conclude(outcome)
        else:
            validation, settlement = self._ahead
            validation._settle(settlement)  # noqa: SLF001 - the same class

    def _settle(self, settlement: Settlement) -> None:
        if settlement.verdict is None:
            self.tell(settlement)
        else:
            self.delivery.settle_soon(settlement.verdict, partial(self._settled, settlement))

    def _settled(self, settlement: Settlement, error: BaseException | None) -> None:
        if error is None:
            self.tell(settlement)
        elif isinstance(error, ClaimEnded):
            self.tell(self.settlement(error))

    def tell(self, settlement: Settlement) -> None:
        """Count an outcome, and write its line in the log."""
        seconds = time.perf_counter() - self._began
        stage, event = self.stage, self.event
        stage.metrics.count(stage.name, settlement.name, settlement.reason or "", seconds)
        fields: dict[str, object] = {"trace_id": self.delivery.id}
        if event is not None and event.request_id is not None:
            fields["request_id"] = event.request_id
        fields["stage"] = stage.name
        fields["attempt"] = self.attempt
        fields["duration_ms"] = round(seconds * 1000, 1)
        settlement.log(fields)

    def settlement(self, outcome: Verdict | ClaimEnded) -> Settlement:
        """Decide how a verdict is settled, or a claim that ended before there was one."""
        channel = self.stage.channel
        match outcome:
            case Validated(channel=chosen):
                lane = delivery_lane(chosen, self._priority)
                forward = queue.Forward(lane, self._note(Status.VALIDATED, outcome))
                return Settlement(name="validated", verdict=forward, channel=chosen)
            case Sent(call=call):
                ack = queue.Ack(self._note(Status.SENT, outcome))
                return Settlement(name="sent", verdict=ack, channel=channel, call=call)
            case Deferred(delay=delay, call=call, progress=progress):
                note = self._note(Status.RETRYING if call else self._waiting, outcome)
                return self._unsent("deferred", queue.Defer(delay, note, progress), outcome, delay)
            case Retrying(delay=delay, is_uncertain=uncertain, progress=progress):
                note = self._note(Status.RETRYING, outcome)
                retry = queue.Retry(delay, note, uncertain, progress)
                return self._unsent("retrying", retry, outcome, delay)
            case Failed(reason=reason, detail=detail, is_uncertain=uncertain):
                note, error = self._note(Status.FAILED, outcome), f"{reason}: {detail}"
                return self._unsent("failed", queue.GiveUp(error, note, uncertain), outcome)
            case ClaimEnded():  # cancelled, or another worker's by now: that the upkeep warns of
                is_expired = isinstance(outcome, MessageExpired)
                return Settlement(name="expired" if is_expired else "claim_lost", channel=channel)
            case never:
                assert_never(never)

    def _unsent(
        self,
        name: str,
        move: queue.Verdict,
        verdict: NotSent,
        delay: timedelta | None = None,
    ) -> Settlement:
        return Settlement(
            name=name,
            verdict=move,
            channel=self.stage.channel,
            reason=verdict.reason,
            call=verdict.call,
            delay=delay,
        )

    @property
    def _priority(self) -> Priority:
        return self.event.priority if self.event else Priority.NORMAL

    @property
    def _waiting(self) -> Status:
        """What a notification is while it waits for its turn in this stage."""
        if self.stage.channel is None:
            return Status.QUEUED
        return Status.VALIDATED if self.attempt == 1 else Status.RETRYING

    def _note(self, status: Status, verdict: Verdict) -> bytes:
        unsent = verdict if isinstance(verdict, NotSent) else None
        sent = verdict if isinstance(verdict, Sent) else None
        call = None if isinstance(verdict, Validated) else verdict.call
        attempt = self.attempt if call else None
        return StatusUpdate(
            status=status,
            reason=unsent.reason if unsent else None,
            detail=unsent.detail if unsent else None,
            channel=verdict.channel if isinstance(verdict, Validated) else self.stage.channel,
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
        if self.stage.channel is not None:
            return {"user_id": self.event.user_id}
        kept = {name: getattr(self.event, name) for name in ("user_id", "tags", "reference")}
        return kept | {"is_test": self.event.is_test or None}


@lru_cache
def _sending(channel: ChannelName | None, provider: str, attempt: int) -> queue.Note:
    """Say that a provider is about to get it: the same for all on their first attempt."""
    return StatusUpdate(
        status=Status.SENDING,
        channel=channel,
        provider=provider,
        attempt=attempt,
        attempts=attempt,
    ).encode()


def _milliseconds(duration: timedelta) -> float:
    return round(duration / timedelta(milliseconds=1), 1)
