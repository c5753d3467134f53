"""Hand a notification to providers for a user's addresses, and decide what follows."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from notification_contracts.address_reports import ReportKind
from notification_contracts.channels import CHANNELS, ChannelName
from notification_contracts.events import NotificationRequested
from notification_contracts.states import Reason
from notification_providers.port import Accepted, AddressGone, AddressReport

from notification_dispatcher.application.attempt import DeliveryAttempt
from notification_dispatcher.application.conclude import Conclude
from notification_dispatcher.application.find_contact import FoundContact
from notification_dispatcher.application.ports import (
    AddressReports,
    PassPointOfNoReturn,
    Sender,
)
from notification_dispatcher.application.send_to_target import SendToTarget
from notification_dispatcher.application.send_to_targets import SendToTargets
from notification_dispatcher.application.starting import AttemptStart
from notification_dispatcher.application.targets import (
    SendTarget,
    TargetResult,
    known_after,
    targets_of,
)
from notification_dispatcher.domain.contact import Contact
from notification_dispatcher.domain.progress import EMPTY, NOTHING, Progress
from notification_dispatcher.domain.retries import RetryPolicy
from notification_dispatcher.domain.verdicts import (
    Deferred,
    DeliveryVerdict,
    Failed,
    Retrying,
    Sent,
)


@dataclass(slots=True, kw_only=True)
class DeliverNotification:
    """Send a notification to the user's addresses as they are now, at the last moment.

    It goes to all of a user's devices, or to the first good address of any other channel; to the
    next one if that turns out to be gone. What failed for now is tried again by the schedule, what
    failed for good is given up, see `Conclude`. A provider that asks for no further call uses up no
    attempt. What is uncertain is cleared up by `SendToTarget`; where that is not possible, it is
    sent again, unless its channel is one that `holds`: then a person decides. A test goes to
    `for_tests`, on whatever channel, and to no other sender.
    """

    senders: Mapping[ChannelName, Sender]
    for_tests: Sender
    retries: RetryPolicy
    holds: Collection[ChannelName]
    reports: AddressReports
    random: Callable[[], float]
    now: Callable[[], datetime]
    _send: SendToTarget = field(init=False)
    _conclude: Conclude = field(init=False)

    def __post_init__(self) -> None:
        self._send = SendToTarget(holds=self.holds, retries=self.retries, now=self.now)
        self._conclude = Conclude(retries=self.retries, random=self.random, now=self.now)

    async def __call__(
        self,
        event: NotificationRequested,
        attempt: DeliveryAttempt,
        contact: FoundContact,
        *,
        on_start: PassPointOfNoReturn,
    ) -> DeliveryVerdict:
        """Make one attempt. `on_start` passes the point of no return; what it raises is raised."""
        progress = Progress.decode(attempt.progress) if attempt.progress else NOTHING
        if not isinstance(contact, Contact):
            return _unless_taken(contact, progress)
        if (detail := CHANNELS[attempt.channel].too_long(event.message)) is not None:
            return Failed(reason=Reason.MESSAGE_TOO_LONG, detail=detail)
        targets = targets_of(contact, attempt.channel, attempt.trace_id, progress)
        if isinstance(targets, Failed):
            return _unless_taken(targets, progress)
        return await self._deliver(event, attempt, targets, progress, on_start)

    async def _deliver(
        self,
        event: NotificationRequested,
        attempt: DeliveryAttempt,
        targets: Sequence[SendTarget],
        progress: Progress,
        on_start: PassPointOfNoReturn,
    ) -> DeliveryVerdict:
        sender = self.for_tests if event.is_test else self.senders[attempt.channel]
        start = AttemptStart(sender, on_start, attempt.progress, self.now)
        send = SendToTargets(
            event=event,
            attempt=attempt,
            sender=sender,
            start=start,
            send=self._send,
        )
        results = await send(targets, progress)
        for each in results:
            self._report(each, attempt)
        verdict = self._conclude(results, progress, attempt)
        if not isinstance(verdict, Deferred | Retrying):
            return verdict
        progress = known_after(results, progress)
        said = progress.encode() if progress else EMPTY
        return verdict if said == start.said else replace(verdict, progress=said)

    def _report(self, result: TargetResult, attempt: DeliveryAttempt) -> None:
        outcome, call = result.result.outcome, result.result.call
        if call is None:
            return
        match outcome:
            case Accepted(diversion=None):
                self.reports.tell_used(
                    attempt.channel,
                    result.target.address,
                    provider=call.provider,
                    trace_id=attempt.trace_id,
                )
            case AddressGone(reason=reason, detail=detail, since=since):
                # Who opted out may opt in again; what is gone does not come back.
                is_opt_out = reason is Reason.OPTED_OUT
                report = AddressReport(
                    channel=attempt.channel,
                    kind=ReportKind.OPT_OUT if is_opt_out else ReportKind.GONE,
                    address=result.target.address,
                    reason=reason,
                    evidence=detail,
                    at=since or self.now(),
                )
                self.reports.tell(report, provider=call.provider, trace_id=attempt.trace_id)


def _unless_taken(verdict: Deferred | Failed, progress: Progress) -> DeliveryVerdict:
    """Return that it was sent, where it would end unsent though an earlier attempt was taken."""
    return Sent(call=None) if progress.taken and isinstance(verdict, Failed) else verdict
