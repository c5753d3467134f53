"""Tries a provider for a person who wants to know: does it let us in, and would it send?"""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, TypeVar, assert_never

from notification_contracts.channels import ChannelName
from notification_contracts.trace_ids import new_trace_id

from notification_providers.delivery import DeliveryPolicy, Diverter
from notification_providers.port import (
    Accepted,
    AddressGone,
    CheckableProvider,
    CheckResult,
    Diversion,
    Misconfigured,
    OutgoingMessage,
    PermanentFailure,
    Provider,
    ProviderAnswer,
    TransientFailure,
    UncertainFailure,
)

SUBJECT = "Test message"
TEXT = "This is a test message. You need not do anything."
EVERYWHERE: Final = Diverter(delivery=DeliveryPolicy())

_TAKEN: Final = {
    None: "the provider took it",
    Diversion.CAPTURED: "nothing was sent: DELIVERY has it kept",
    Diversion.REDIRECTED: "the provider took it, for the address that DELIVERY names",
}
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SendTrial:
    """What came of a test message: a word for programs, and the provider's own words.

    `delivery_mode` is set if it did not go where it was to go, see `Diverter`.
    """

    outcome: str
    words: str
    message_id: str | None = None
    delivery_mode: Diversion | None = None

    @property
    def is_ok(self) -> bool:
        """True when the provider took it."""
        return self.outcome == "accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of trying a provider.

    `check` is None for a provider that can't be checked. `sent` is None if no message was to be
    sent, or if the check said already that it would not be.
    """

    check: CheckResult | None = None
    sent: SendTrial | None = None

    @property
    def is_ok(self) -> bool:
        """True when nothing of it failed; also for a provider that there was no way to try."""
        return (self.check is None or self.check.is_ok) and (self.sent is None or self.sent.is_ok)


async def try_provider(
    provider: Provider,
    channel: ChannelName,
    to: str | None,
    *,
    limit: timedelta,
    diverter: Diverter = EVERYWHERE,
) -> Trial:
    """Check a provider, and send a test message by it if there is an address for that.

    Every failure is a result. All of it together takes no longer than `limit`. The message goes
    only where `diverter` lets it go.
    """
    deadline = asyncio.get_running_loop().time() + limit.total_seconds()
    silence = f"no answer within {limit.total_seconds():g} s"
    check = None
    if isinstance(provider, CheckableProvider):
        checked = await _by(deadline, provider.check(), silence)
        check = CheckResult(is_ok=False, words=checked) if isinstance(checked, str) else checked
    if to is None or (check is not None and not check.is_ok):
        return Trial(check=check)
    message, diversion = diverter.route(_message(channel, to))
    if diversion is Diversion.CAPTURED:
        return Trial(check=check, sent=_said(diverter.capture(message)))
    sent = await _by(deadline, provider.send(message), silence)
    answer = UncertainFailure(detail=sent) if isinstance(sent, str) else sent
    if isinstance(answer, Accepted):
        answer = replace(answer, diversion=diversion)
    return Trial(check=check, sent=_said(answer))


async def _by(deadline: float, call: Awaitable[T], silence: str) -> T | str:
    """Return what came of a call; in words, if it took too long or broke."""
    try:
        async with asyncio.timeout_at(deadline):
            return await call
    except TimeoutError:
        return silence
    except Exception as error:  # noqa: BLE001 - a fault in the provider's own code is a finding
        return f"its own code failed: {type(error).__name__}"


def _message(channel: ChannelName, to: str) -> OutgoingMessage:
    trace_id = new_trace_id()
    return OutgoingMessage(
        trace_id=trace_id,
        channel=channel,
        attempt=1,
        idempotency_key=trace_id,
        address=to,
        subject=SUBJECT,
        message=TEXT,
    )


def _said(answer: ProviderAnswer) -> SendTrial:
    match answer:
        case Accepted(message_id=message_id, diversion=diversion):
            return SendTrial(
                outcome="accepted",
                words=_TAKEN[diversion],
                message_id=message_id,
                delivery_mode=diversion,
            )
        case TransientFailure(detail=words):
            return SendTrial(outcome="transient", words=words)
        case PermanentFailure(detail=words):
            return SendTrial(outcome="permanent", words=words)
        case AddressGone(detail=words):
            return SendTrial(outcome="gone", words=words)
        case Misconfigured(detail=words):
            return SendTrial(outcome="misconfigured", words=words)
        case UncertainFailure(detail=words):
            return SendTrial(outcome="uncertain", words=words)
        case never:
            assert_never(never)
