"""Hand a notification to a provider, and decide what follows from the outcome."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import assert_never

from notification_contracts.channels import CHANNELS, ChannelName
from notification_contracts.events import NotificationRequested
from notification_contracts.states import Reason

from notification_dispatcher.application.find_contact import FindContact, without_address
from notification_dispatcher.application.ports import Sender, Starting
from notification_dispatcher.domain.contact import Contact
from notification_dispatcher.domain.outcomes import (
    Accepted,
    NotTried,
    OutgoingMessage,
    PermanentFailure,
    SendReport,
    TransientFailure,
    Trial,
    UncertainFailure,
)
from notification_dispatcher.domain.retries import (
    Exhausted,
    RetryPolicy,
    Tries,
    TryAgain,
    later,
)
from notification_dispatcher.domain.verdicts import (
    Abandoned,
    Deferred,
    Delivered,
    DeliveryVerdict,
    Retried,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One attempt to deliver one notification on one channel."""

    trace_id: str
    channel: ChannelName
    tries: Tries
    deferrals: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Failed:
    """A failure after which the same send may still succeed."""

    reason: Reason
    detail: str
    trial: Trial | None
    retry_after: timedelta | None = None
    is_uncertain: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverNotification:
    """Send a notification to the user's address as it is now, at the last moment.

    What failed for now is tried again by the schedule, what failed for good is abandoned. A
    provider that asks to be left alone uses up no attempt. Where nobody knows whether it was sent,
    it is sent again under the same idempotency key, unless its channel is one that `holds`: then it
    is abandoned, for a person to decide.
    """

    find_contact: FindContact
    senders: Mapping[ChannelName, Sender]
    retries: RetryPolicy
    holds: Collection[ChannelName]
    random: Callable[[], float]

    async def __call__(
        self, event: NotificationRequested, assignment: Assignment, *, starting: Starting
    ) -> DeliveryVerdict:
        """Make one attempt. `starting` passes the point of no return; what it raises is raised."""
        contact = await self.find_contact(event.user_id, deferrals=assignment.deferrals)
        if not isinstance(contact, Contact):
            return contact
        message = _addressed(event, contact, assignment)
        if not isinstance(message, OutgoingMessage):
            return message
        report = await self.senders[assignment.channel].send(message, starting=starting)
        return self._judge(report, assignment)

    def _judge(self, report: SendReport, assignment: Assignment) -> DeliveryVerdict:
        trial = report.trial
        match report.outcome:
            case Accepted():
                return Delivered(trial=trial)
            case NotTried(reason=reason, detail=detail, retry_in=retry_in):
                delay = later(retry_in, self.random())
                return Deferred(delay=delay, reason=reason, detail=detail)
            case PermanentFailure(reason=reason, detail=detail):
                return Abandoned(reason=reason, detail=detail, trial=trial)
            case UncertainFailure(detail=detail) if assignment.channel in self.holds:
                return Abandoned(
                    reason=Reason.AMBIGUOUS, detail=detail, trial=trial, is_uncertain=True
                )
            case UncertainFailure(detail=detail):
                failed = _Failed(
                    reason=Reason.AMBIGUOUS, detail=detail, trial=trial, is_uncertain=True
                )
                return self._again(failed, assignment.tries)
            case TransientFailure() as failure:
                return self._not_now(failure, trial, assignment.tries)
            case never:
                assert_never(never)

    def _not_now(
        self, failure: TransientFailure, trial: Trial | None, tries: Tries
    ) -> DeliveryVerdict:
        reason, detail = failure.reason, failure.detail
        asked = failure.provider_asks_to_wait
        if asked is not None:
            delay = self.retries.asked(asked, self.random())
            return Deferred(delay=delay, reason=reason, detail=detail, trial=trial)
        failed = _Failed(reason=reason, detail=detail, trial=trial, retry_after=failure.retry_after)
        return self._again(failed, tries)

    def _again(self, failed: _Failed, tries: Tries) -> DeliveryVerdict:
        reason, detail, trial = failed.reason, failed.detail, failed.trial
        next_try = self.retries.after(tries, chance=self.random(), retry_after=failed.retry_after)
        may_be_sent = failed.is_uncertain
        match next_try:
            case TryAgain(delay):
                return Retried(
                    delay=delay, reason=reason, detail=detail, trial=trial, is_uncertain=may_be_sent
                )
            case Exhausted():
                detail = f"{reason}: {detail}"
                return Abandoned(
                    reason=Reason.ATTEMPTS_EXHAUSTED,
                    detail=detail,
                    trial=trial,
                    is_uncertain=may_be_sent,
                )
            case never:
                assert_never(never)


def _addressed(
    event: NotificationRequested, contact: Contact, assignment: Assignment
) -> OutgoingMessage | Abandoned:
    address = contact.address_on(assignment.channel)
    if address is None:
        return without_address(assignment.channel)
    limit = CHANNELS[assignment.channel].max_message_chars
    if limit is not None and len(event.message) > limit:
        detail = f"{len(event.message)} characters, {limit} are allowed"
        return Abandoned(reason=Reason.MESSAGE_TOO_LONG, detail=detail)
    return OutgoingMessage(
        trace_id=assignment.trace_id,
        channel=assignment.channel,
        attempt=assignment.tries.number,
        address=address,
        message=event.message,
        subject=event.subject,
    )
