"""The store of webhooks in memory: for tests, and for a system that is one process."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from notification_contracts.trace_ids import new_trace_id
from notification_contracts.webhooks import AttemptOutcome, DisabledFor
from service_kit.epoch import to_ms, utc_now

from notification_ledger.webhooks.endpoints import Attempt, Endpoint, KeptAttempt, WebhookEvent
from notification_ledger.webhooks.port import (
    KEPT_ATTEMPTS,
    MAX_ENDPOINTS,
    MAX_WAITING,
    EndpointChanged,
    FollowerReplaced,
    Line,
    Once,
    Settled,
    TooManyEndpoints,
    UnknownEndpoint,
)

_Name = tuple[str, str]


class InMemoryWebhookStore:
    """A `WebhookStore` for as long as the object lives."""

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
        max_waiting: int = MAX_WAITING,
        max_endpoints: int = MAX_ENDPOINTS,
    ) -> None:
        self._now = now
        self._monotonic = monotonic
        self._max_waiting = max_waiting
        self._max_endpoints = max_endpoints
        self._endpoints: dict[str, Endpoint] = {}
        self._version = 0
        self._follower: tuple[str, float] | None = None
        self._position: str | None = None
        self._waiting: dict[_Name, deque[WebhookEvent]] = {}
        self._lines: dict[_Name, Line] = {}
        self._unsent: dict[str, Line] = {}
        self._attempts: dict[str, deque[KeptAttempt]] = {}
        self._numbers = 0
        self._quiet_until: dict[str, float] = {}

    async def endpoints(self) -> Sequence[Endpoint]:
        """See `EndpointStore`."""
        return sorted(
            map(self._counted, self._endpoints.values()), key=lambda each: each.created_at
        )

    async def version(self) -> int:
        """See `EndpointStore`."""
        return self._version

    async def endpoint(self, endpoint_id: str) -> Endpoint:
        """See `EndpointStore`."""
        found = self._endpoints.get(endpoint_id)
        if found is None:
            raise UnknownEndpoint(endpoint_id)
        return self._counted(found)

    async def store(self, endpoint: Endpoint) -> Endpoint:
        """See `EndpointStore`."""
        was = self._endpoints.get(endpoint.id)
        if was is None and endpoint.revision:
            raise UnknownEndpoint(endpoint.id)
        if (was.revision if was else 0) != endpoint.revision:
            raise EndpointChanged(endpoint.id)
        if was is None and len(self._endpoints) >= self._max_endpoints:
            raise TooManyEndpoints(f"there are {self._max_endpoints}")
        stored = replace(endpoint, revision=endpoint.revision + 1)
        if stored.is_enabled:
            stored = replace(stored, failing_since=None, disabled_at=None)
        elif was is None or was.disabled_for is not stored.disabled_for:
            stored = replace(stored, disabled_at=self._now())
        self._put(stored)
        return await self.endpoint(endpoint.id)

    async def delete(self, endpoint_id: str) -> None:
        """See `EndpointStore`."""
        if self._endpoints.pop(endpoint_id, None) is None:
            raise UnknownEndpoint(endpoint_id)
        self._attempts.pop(endpoint_id, None)
        self._version += 1

    async def acquire(self, token: str, lease: timedelta) -> bool:
        """See `ChangesFollower`."""
        if self._following not in {None, token}:
            return False
        self._follower = token, self._monotonic() + lease.total_seconds()
        return True

    async def release(self, token: str) -> None:
        """See `ChangesFollower`."""
        if self._following == token:
            self._follower = None

    async def position(self) -> str | None:
        """See `ChangesFollower`."""
        return self._position

    async def append(
        self,
        entries: Sequence[tuple[Endpoint, WebhookEvent]],
        *,
        token: str | None = None,
        position: str | None = None,
        once: Once | None = None,
    ) -> Sequence[Endpoint]:
        """See `WaitingLines`."""
        if token and self._following != token:
            raise FollowerReplaced("another process follows the changes")
        if once and self._was_told(once):
            return []
        full = []
        for endpoint, event in entries:
            known = self._endpoints.get(endpoint.id)
            if known is None or not known.is_enabled:
                continue
            if self._count(known.id) >= self._max_waiting:
                self._disable(known, DisabledFor.BACKLOG_FULL)
                full.append(await self.endpoint(known.id))
                continue
            self._append(known.id, event)
        self._position = position or self._position
        return full

    async def unsent(self) -> Sequence[Line]:
        """See `WaitingLines`."""
        return list(self._unsent.values())

    async def sent(self, lines: Sequence[Line]) -> None:
        """See `WaitingLines`."""
        for line in lines:
            self._unsent.pop(line.message_id, None)

    async def head(self, line: Line) -> tuple[Endpoint, WebhookEvent] | None:
        """See `EventDelivery`."""
        name = line.endpoint_id, line.ordering_key
        if self._lines.get(name) != line:
            return None
        endpoint = self._endpoints.get(line.endpoint_id)
        waiting = self._waiting.get(name)
        if endpoint is None or not endpoint.is_enabled or not waiting:
            self._close(name)
            return None
        return self._counted(endpoint), waiting[0]

    async def settle(self, line: Line, attempt: Attempt, *, failing_limit: timedelta) -> Settled:
        """See `EventDelivery`."""
        name = line.endpoint_id, line.ordering_key
        endpoint = self._endpoints.get(line.endpoint_id)
        if endpoint is None:
            if self._lines.get(name) == line:
                self._close(name)
            return Settled()
        self._note(endpoint.id, attempt)
        why = self._judge(endpoint, attempt.outcome, failing_limit)
        if attempt.outcome is AttemptOutcome.RETRYING or self._lines.get(name) != line:
            return Settled(disabled_for=why)
        waiting = self._waiting.get(name, deque())
        if waiting and waiting[0] == attempt.event:
            waiting.popleft()
        if not waiting or not self._endpoints[endpoint.id].is_enabled:
            self._close(name)
            return Settled(disabled_for=why)
        return Settled(next=waiting[0], disabled_for=why)

    async def attempts(
        self, endpoint_id: str, *, limit: int, before: str | None = None
    ) -> Sequence[KeptAttempt]:
        """See `EventDelivery`."""
        kept = self._attempts.get(endpoint_id, ())
        found = [each for each in kept if before is None or _order(each.id) < _order(before)]
        return found[::-1][:limit]

    async def attempt(self, endpoint_id: str, attempt_id: str) -> KeptAttempt | None:
        """See `EventDelivery`."""
        kept = self._attempts.get(endpoint_id, ())
        return next((each for each in kept if each.id == attempt_id), None)

    async def close(self) -> None:
        """Do nothing: there is no connection."""

    def _put(self, endpoint: Endpoint) -> None:
        self._endpoints[endpoint.id] = endpoint
        self._version += 1

    def _disable(self, endpoint: Endpoint, why: DisabledFor) -> None:
        self._put(replace(endpoint, disabled_for=why, disabled_at=self._now()))

    @property
    def _following(self) -> str | None:
        token, until = self._follower or ("", 0.0)
        return token if token and until > self._monotonic() else None

    def _was_told(self, once: Once) -> bool:
        """Tell whether it was; from now on it is."""
        now = self._monotonic()
        if self._quiet_until.get(once.subject, now) > now:
            return True
        self._quiet_until[once.subject] = now + once.quiet.total_seconds()
        return False

    def _count(self, endpoint_id: str) -> int:
        return sum(len(each) for name, each in self._waiting.items() if name[0] == endpoint_id)

    def _counted(self, endpoint: Endpoint) -> Endpoint:
        return replace(endpoint, waiting=self._count(endpoint.id))

    def _append(self, endpoint_id: str, event: WebhookEvent) -> None:
        name = endpoint_id, event.ordering_key
        self._waiting.setdefault(name, deque()).append(event)
        if name not in self._lines:
            line = Line(
                endpoint_id=endpoint_id, ordering_key=event.ordering_key, message_id=new_trace_id()
            )
            self._lines[name] = self._unsent[line.message_id] = line

    def _close(self, name: _Name) -> None:
        self._lines.pop(name, None)
        self._waiting.pop(name, None)

    def _note(self, endpoint_id: str, attempt: Attempt) -> None:
        self._numbers += 1
        at = self._now()
        kept = self._attempts.setdefault(endpoint_id, deque(maxlen=KEPT_ATTEMPTS))
        kept.append(KeptAttempt(id=f"{to_ms(at)}-{self._numbers}", at=at, attempt=attempt))

    def _judge(
        self, endpoint: Endpoint, outcome: AttemptOutcome, limit: timedelta
    ) -> DisabledFor | None:
        if outcome is AttemptOutcome.DELIVERED:
            self._endpoints[endpoint.id] = replace(endpoint, failing_since=None)
            return None
        if not endpoint.is_enabled:
            return None
        since = endpoint.failing_since or self._now()
        failing = self._endpoints[endpoint.id] = replace(endpoint, failing_since=since)
        if outcome is AttemptOutcome.GONE:
            why = DisabledFor.GONE
        elif self._now() - since >= limit:
            why = DisabledFor.FAILING
        else:
            return None
        self._disable(failing, why)
        return why


def _order(attempt_id: str) -> tuple[int, int]:
    at, _, number = attempt_id.partition("-")
    return int(at), int(number)
