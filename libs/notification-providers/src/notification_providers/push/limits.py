"""What the push services have in common: how long a message waits, and how large it may be."""

from datetime import datetime, timedelta
from typing import Final

from notification_contracts.states import Reason

from notification_providers.port import FaultSide, OutgoingMessage, PermanentFailure
from notification_providers.urls import InvalidProviderUrl, ProviderUrl

LONGEST_WAIT: Final = timedelta(weeks=4)
"""As long as any of them keeps a message for a device that is off; also the default."""


def longest_wait(url: ProviderUrl) -> timedelta:
    """Return how long a message that never expires waits for its device: `ttl_seconds`.

    Raises:
        InvalidProviderUrl: it is no number of seconds, or too many.
    """
    text = url.options.get("ttl_seconds")
    if text is None:
        return LONGEST_WAIT
    if not text.isdecimal() or int(text) > LONGEST_WAIT.total_seconds():
        raise InvalidProviderUrl("ttl_seconds must be a number of seconds up to 2419200 (4 weeks)")
    return timedelta(seconds=int(text))


def time_to_live(message: OutgoingMessage, longest: timedelta, now: datetime) -> timedelta:
    """Return how long this message is worth being delivered, from now on."""
    if message.expires_at is None:
        return longest
    return min(max(message.expires_at - now, timedelta(0)), longest)


def too_long(what: str, size: int, limit: int) -> PermanentFailure:
    """Say that a message is too large for this service, before it is sent."""
    detail = f"{what} has {size} bytes, and {limit} are allowed"
    return PermanentFailure(
        reason=Reason.MESSAGE_TOO_LONG, detail=detail, fault=FaultSide.RECIPIENT
    )
