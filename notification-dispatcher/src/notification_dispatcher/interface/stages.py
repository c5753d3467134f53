"""What a queue's worker calls for each claim: decode its events, find contacts, decide, send."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from durable_queue.port import ClaimEnded
from durable_queue.worker import NotAdvanced, TrackedDelivery, Worker
from notification_contracts.channels import ChannelName
from notification_contracts.codec import UndecodableEvent, UnsupportedVersion, decode
from notification_contracts.events import NotificationRequested
from notification_contracts.states import Reason
from service_kit.logs import bind_contextvars

from notification_dispatcher.application.attempt import DeliveryAttempt
from notification_dispatcher.application.deliver_notification import DeliverNotification
from notification_dispatcher.application.find_contact import FindContacts, FoundContact
from notification_dispatcher.application.validate_notification import validated
from notification_dispatcher.domain.retries import jittered
from notification_dispatcher.domain.verdicts import Deferred, Failed, Validated, Verdict
from notification_dispatcher.interface.settlement import Settlement, Stage, StageDelivery

VERSION_WAIT = timedelta(minutes=10)

Go = Callable[[StageDelivery, NotificationRequested, FoundContact], None]
"""A stage's own part: brings a notification to its end, now or in a task of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageHandler:
    """Brings each message of a stage to its end, with one line in the log and one count.

    An event of a version that is not known waits for a dispatcher that knows it, for
    `longest_version_wait` at most.
    """

    stage: Stage
    find_contacts: FindContacts
    go: Go
    random: Callable[[], float]
    longest_version_wait: timedelta

    async def handle(self, claim: Sequence[TrackedDelivery]) -> None:
        """Begin to handle the messages of a claim; their contacts are looked up in one go."""
        events = [(held, self._decoded(held)) for held in claim]
        understood: list[tuple[StageDelivery, NotificationRequested]] = []
        for held, event in events:
            if isinstance(event, NotificationRequested):
                understood.append((StageDelivery(self.stage, held, event), event))
            else:
                StageDelivery(self.stage, held).conclude(event)
        if not understood:
            return
        if len(understood) == 1:
            _bind(*understood[0])  # for what the user-service logs
        asked = [(event.user_id, each.delivery.deferrals) for each, event in understood]
        contacts = await self.find_contacts(asked)
        for (each, event), contact in zip(understood, contacts, strict=True):
            self.go(each, event, contact)

    def _decoded(self, held: TrackedDelivery) -> NotificationRequested | Deferred | Failed:
        try:
            return decode(held.body)
        except UndecodableEvent as error:
            return Failed(reason=Reason.UNDECODABLE, detail=str(error))
        except UnsupportedVersion as error:
            reason, detail = Reason.UNSUPPORTED_VERSION, str(error)
            wait = min(VERSION_WAIT, self.longest_version_wait)
            if held.deferrals * wait >= self.longest_version_wait:
                return Failed(reason=reason, detail=detail)
            return Deferred(delay=jittered(wait, self.random()), reason=reason, detail=detail)


@dataclass(slots=True, kw_only=True)
class DeliveryStage:
    """One channel's part of the delivery stage.

    `worker` is the channel's own; None if nothing comes from validation at once.
    """

    stage: Stage
    channel: ChannelName
    deliver: DeliverNotification
    worker: Worker | None = None

    def go(self, each: StageDelivery, event: NotificationRequested, contact: FoundContact) -> None:
        """Send a notification in a task of its own."""
        each.delivery.go_on(self._send(each, event, contact))

    def go_ahead(
        self,
        validation: StageDelivery,
        settlement: Settlement,
        event: NotificationRequested,
        contact: FoundContact,
    ) -> bool:
        """Go on with a validated notification at once, if there is room and it isn't suspect."""
        held, worker = validation.delivery, self.worker
        if worker is None or held.is_suspect:
            return False
        if worker.room < 1:
            worker.fall_behind()
            return False
        each = StageDelivery(self.stage, held, event, (validation, settlement))
        worker.take_over(held, self._send(each, event, contact))
        return True

    async def _send(
        self, each: StageDelivery, event: NotificationRequested, contact: FoundContact
    ) -> None:
        _bind(each, event)
        try:
            verdict = await self._decide(each, event, contact)
        except ClaimEnded as ended:
            each.conclude(ended)
            raise
        except NotAdvanced:  # it is told of already
            if self.worker:
                self.worker.fall_behind()
            return
        each.conclude(verdict)

    async def _decide(
        self, each: StageDelivery, event: NotificationRequested, contact: FoundContact
    ) -> Verdict:
        held = each.delivery
        attempt = DeliveryAttempt(
            trace_id=held.id,
            channel=self.channel,
            number=each.attempt,
            limit=held.max_attempts,
            deferrals=held.deferrals,
            expires_at=held.expires_at,
            progress=held.progress,
        )
        return await self.deliver(event, attempt, contact, on_start=each.start)


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationStage:
    """The validation stage's part. `deliveries` are those of this process, by channel."""

    deliveries: Mapping[ChannelName, DeliveryStage]

    def go(self, each: StageDelivery, event: NotificationRequested, contact: FoundContact) -> None:
        """Decide, and let it wait for its channel's delivery, or go on with that at once."""
        verdict = validated(event, contact)
        if isinstance(verdict, Validated) and (onward := self.deliveries.get(verdict.channel)):
            settlement = each.settlement(verdict)
            if onward.go_ahead(each, settlement, event, contact):
                return
        each.conclude(verdict)


def _bind(each: StageDelivery, event: NotificationRequested) -> None:
    """Have this task's lines in the log say whom they are about."""
    if event.request_id is None:
        bind_contextvars(trace_id=each.delivery.id)
    else:
        bind_contextvars(trace_id=each.delivery.id, request_id=event.request_id)
