"""What each key may use up: requests, notifications a day, open streams.

All keys that replaced each other are one client.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gateway.application.limits import Allowance, Limiter
from gateway.domain.keys import ApiKey, KeyLimits
from gateway.domain.limits import Policy

REQUESTS: Final = "requests"
NOTIFICATIONS: Final = "notifications"


class TooManyStreams(Exception):
    """Raised when a client has as many streams open as it may."""


class ClientLimits:
    """Holds clients to the limits of their keys, or, where those say nothing, to the defaults.

    Streams are counted on each gateway for itself.
    """

    def __init__(self, limiter: Limiter, defaults: KeyLimits) -> None:
        self._limiter = limiter
        self._defaults = defaults
        self._policies: dict[str, tuple[KeyLimits, Policy | None, Policy | None]] = {}
        self._streams: dict[str, int] = {}

    async def take_request(self, key: ApiKey) -> Allowance | None:
        """Take one request; None if requests are not limited.

        Raises:
            LimitReached: there is none now.
        """
        policy = self._policies_of(key)[1]
        return await self._limiter.take(key.family, policy) if policy else None

    def are_for(self, key: ApiKey) -> bool:
        """Tell whether requests or notifications are counted at all."""
        _, requests, notifications = self._policies_of(key)
        return requests is not None or notifications is not None

    def limits_notifications(self, key: ApiKey) -> bool:
        """Tell whether notifications are counted at all."""
        return self._policies_of(key)[2] is not None

    async def take_notifications(self, key: ApiKey, count: int) -> Allowance | None:
        """Take so many of a day's notifications; None if they are not limited.

        Raises:
            LimitReached: there are not so many today.
        """
        policy = self._policies_of(key)[2]
        return await self._limiter.take(key.family, policy, count) if policy and count else None

    def give_back(self, allowance: Allowance, count: int) -> None:
        """Return what was taken for notifications that were not accepted."""
        self._limiter.give_back(allowance, count)

    @contextmanager
    def stream(self, key: ApiKey) -> Iterator[None]:
        """Hold one of the client's streams.

        Raises:
            TooManyStreams: it has as many as it may.
        """
        most = key.limits.streams or self._defaults.streams
        open_now = self._streams.get(key.family, 0)
        if most is not None and open_now >= most:
            raise TooManyStreams(
                f"{most} event streams are open with this key; it may have no more"
            )
        self._streams[key.family] = open_now + 1
        try:
            yield
        finally:
            self._streams[key.family] -= 1
            if not self._streams[key.family]:
                del self._streams[key.family]

    def _policies_of(self, key: ApiKey) -> tuple[KeyLimits, Policy | None, Policy | None]:
        known = self._policies.get(key.prefix)
        if known is None or known[0] is not key.limits:
            known = self._policies[key.prefix] = (key.limits, *self._made_of(key.limits))
        return known

    def _made_of(self, limits: KeyLimits) -> tuple[Policy | None, Policy | None]:
        rate = limits.requests_per_second or self._defaults.requests_per_second
        burst = limits.burst or self._defaults.burst or rate
        day = limits.notifications_per_day or self._defaults.notifications_per_day
        return (
            Policy(name=REQUESTS, quota=burst, per_second=rate) if rate and burst else None,
            Policy(name=NOTIFICATIONS, quota=day) if day else None,
        )
