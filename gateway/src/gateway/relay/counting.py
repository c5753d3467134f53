"""What a call counts for beside itself: the notifications it sends, the stream it opens."""

from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from pydantic_core import from_json
from starlette.requests import Request

from gateway.application.client_limits import ClientLimits
from gateway.application.known_keys import Principal
from gateway.application.limits import ALLOWANCES, Allowance
from gateway.relay.callers import caller_of

_SENDS_ONE: Final = "/notifications"
COUNTED: Final = frozenset({_SENDS_ONE, "/notifications/batch"})
"""The paths that count for the day's notifications."""


class Taken:
    """What was taken for notifications, which may not be accepted after all."""

    def __init__(self, limits: ClientLimits, allowance: Allowance, count: int) -> None:
        self._limits = limits
        self._allowance = allowance
        self._count = count

    def settle(self, status: int, headers: Iterable[str], body: bytes) -> None:
        """Give back what was refused, or had been accepted before."""
        if status >= 400 or "idempotent-replayed" in {name.lower() for name in headers}:
            self._limits.give_back(self._allowance, self._count)
        elif self._count > 1:
            self._limits.give_back(self._allowance, self._count - _accepted(body))


async def take_notifications(
    request: Request, limits: ClientLimits, path: str, body: bytes
) -> Taken | None:
    """Take what a call asks to be sent; None if nothing is counted.

    Raises:
        LimitReached: there are not so many today.
    """
    caller = caller_of(request)
    if caller is None or not limits.limits_notifications(caller.key):
        return None
    count = 1 if path == _SENDS_ONE else _items_in(body)
    return await take_notifications_of(caller, limits, count, request.scope["state"][ALLOWANCES])


async def take_notifications_of(
    caller: Principal, limits: ClientLimits, count: int, allowances: list[Allowance]
) -> Taken | None:
    """Take so many of a caller's notifications, and add what they count for to `allowances`.

    Raises:
        LimitReached: there are not so many today.
    """
    allowance = await limits.take_notifications(caller.key, count)
    if allowance is None:
        return None
    allowances.append(allowance)
    return Taken(limits, allowance, count)


def stream_of(request: Request, limits: ClientLimits | None) -> AbstractContextManager[None]:
    """Return what holds one of the caller's streams; entering it may raise `TooManyStreams`."""
    caller = caller_of(request)
    if caller is None or limits is None:
        return nullcontext()
    return limits.stream(caller.key)


def _items_in(body: bytes) -> int:
    try:
        items = from_json(body)["notifications"]
    except (ValueError, TypeError, KeyError):
        return 0  # the service says what is wrong with it
    return len(items) if isinstance(items, list) else 0


def _accepted(body: bytes) -> int:
    items = from_json(body)["items"]
    return sum(each["status"] < 300 and "replayed" not in each for each in items)
