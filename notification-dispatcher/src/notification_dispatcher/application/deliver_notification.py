"""Hand a notification to a provider, and decide what follows from the outcome."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import assert_never

from notification_contracts.channels import CHANNELS, ChannelName
from notification_contracts.events import NotificationRequested
from notification_contracts.states import Reason
from notification_providers.port import (
    Accepted,
    AddressGone,
    OutgoingMessage,
    PermanentFailure,
    TransientFailure,
    UncertainFailure,
)

from notification_dispatcher.application.find_contact import FindContact
from notification_dispatcher.application.ports import OnStart, Sender
from notification_dispatcher.domain.contact import Contact, no_address
from notification_dispatcher.domain.retries import RetryPolicy, later
from notification_dispatcher.domain.sending import NotTried, SendResult
from notification_dispatcher.domain.verdicts import (
    Deferred,
    DeliveryVerdict,
    Failed,
    Retrying,
    Sent,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAttempt:
    """One attempt to deliver one notification on one channel; the first has number 1.

    The queue allows `limit` attempts: fewer than the schedule has where an earlier release, which
    had a setting for it, accepted the notification.
    """

    trace_id: str
    channel: ChannelName
    number: int
    limit: int
    deferrals: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverNotification:
    """Send a notification to the user's address as it is now, at the last moment.

    What failed for now is tried again by the schedule, what failed for good is given up. A provider
    that asks for no further call uses up no attempt. If it is uncertain whether a message was sent,
    it is sent again under the same idempotency key, unless its channel is one that `holds`: then it
    is given up, for a person to decide.
    """

    find_contact: FindContact
    senders: Mapping[ChannelName, Sender]
    retries: RetryPolicy
    holds: Collection[ChannelName]
    random: Callable[[], float]

    async def __call__(
        self, event: NotificationRequested, attempt: DeliveryAttempt, *, on_start: OnStart
    ) -> DeliveryVerdict:
        """Make one attempt. `on_start` passes the point of no return; what it raises is raised."""
        contact = await self.find_contact(event.user_id, deferrals=attempt.deferrals)
        if not isinstance(contact, Contact):
            return contact
        message = _addressed(event, contact, attempt)
        if not isinstance(message, OutgoingMessage):
            return message
        result = await self.senders[attempt.channel].send(message, on_start=on_start)
        return self._verdict(result, attempt)

    def _verdict(self, result: SendResult, attempt: DeliveryAttempt) -> DeliveryVerdict:
        call = result.call
        match result.outcome:
            case Accepted():
                return Sent(call=call)
            case NotTried(reason=reason, detail=detail, retry_in=retry_in):
                delay = later(retry_in, self.random())
                return Deferred(delay=delay, reason=reason, detail=detail)
            case (
                PermanentFailure(reason=reason, detail=detail)
                | AddressGone(reason=reason, detail=detail)
            ):
                return Failed(reason=reason, detail=detail, call=call)
            case UncertainFailure(detail=detail):
                failed = Failed(
                    reason=Reason.AMBIGUOUS, detail=detail, call=call, is_uncertain=True
                )
                return failed if attempt.channel in self.holds else self._again(failed, attempt)
            case TransientFailure(reason=reason, detail=detail) as failure:
                if (asked := failure.provider_retry_after) is not None:
                    delay = self.retries.asked(asked, self.random())
                    return Deferred(delay=delay, reason=reason, detail=detail, call=call)
                failed = Failed(reason=reason, detail=detail, call=call)
                return self._again(failed, attempt, failure.retry_after)
            case never:
                assert_never(never)

    def _again(
        self, failed: Failed, attempt: DeliveryAttempt, retry_after: timedelta | None = None
    ) -> Retrying | Failed:
        delay = self.retries.delay_after(
            attempt.number, chance=self.random(), retry_after=retry_after
        )
        if delay is None or attempt.number >= attempt.limit:
            detail = f"{failed.reason}: {failed.detail}"
            return replace(failed, reason=Reason.ATTEMPTS_EXHAUSTED, detail=detail)
        return Retrying(
            delay=delay,
            reason=failed.reason,
            detail=failed.detail,
            call=failed.call,
            is_uncertain=failed.is_uncertain,
        )


def _addressed(
    event: NotificationRequested, contact: Contact, attempt: DeliveryAttempt
) -> OutgoingMessage | Failed:
    address = contact.address_on(attempt.channel)
    if address is None:
        return no_address(attempt.channel)
    if (detail := CHANNELS[attempt.channel].too_long(event.message)) is not None:
        return Failed(reason=Reason.MESSAGE_TOO_LONG, detail=detail)
    return OutgoingMessage(
        trace_id=attempt.trace_id,
        channel=attempt.channel,
        attempt=attempt.number,
        idempotency_key=attempt.trace_id,
        address=address,
        message=event.message,
        subject=event.subject,
        expires_at=event.expires_at,
    )
