"""The `EndpointCaller`: to public addresses alone, and with room for each endpoint."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from notification_ledger.webhooks.endpoints import Endpoint, WebhookEvent
from notification_providers.guard import AddressGuard, parse_networks
from notification_providers.http import HttpAnswer, HttpCaller, HttpFailure
from notification_providers.webhook.signing import signed_headers
from standardwebhooks.webhooks import Webhook

from notification_dispatcher.application.tell_webhook import EndpointAnswer, NotCalled
from notification_dispatcher.infrastructure.circuit_breaker import CallPermit, CircuitBreaker
from notification_dispatcher.infrastructure.providers.gate import Gate
from notification_dispatcher.infrastructure.webhooks.wire import content_of

_SHOWN_BYTES: Final = 256
_KNOWN_ENDPOINTS: Final = 1000
_WHEN_FULL: Final = timedelta(seconds=1)
_NOT_SHOWN: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class _Room:
    """An endpoint's share: how many calls at once, and none while it fails."""

    gate: Gate
    breaker: CircuitBreaker


@dataclass(slots=True, kw_only=True)
class HttpEndpointCaller:
    """Posts events by HTTP: up to `at_once` to each endpoint, and none while it keeps failing.

    `source` is the URL of this system, which a CloudEvent names.
    """

    http: HttpCaller
    at_once: int
    new_breaker: Callable[[], CircuitBreaker]
    source: str | None
    now: Callable[[], datetime]
    _rooms: dict[str, _Room] = field(default_factory=dict, init=False)

    async def call(self, endpoint: Endpoint, event: WebhookEvent) -> EndpointAnswer | NotCalled:
        """See `EndpointCaller`."""
        room = self._room(endpoint.id)
        if room.gate.is_full:
            return NotCalled(delay=_WHEN_FULL)
        await room.gate.enter()
        try:
            permit = room.breaker.acquire()
            if permit is not None:
                return await self._permitted(room.breaker, permit, endpoint, event)
            if event.is_asked_for:  # somebody wants to see whether it works again
                return await self._post(endpoint, event)
            return NotCalled(delay=room.breaker.reopens_in)
        finally:
            room.gate.leave()

    async def close(self) -> None:
        """Close all connections."""
        await self.http.close()

    async def _permitted(
        self, breaker: CircuitBreaker, permit: CallPermit, endpoint: Endpoint, event: WebhookEvent
    ) -> EndpointAnswer:
        is_healthy: bool | None = None
        try:
            answer = await self._post(endpoint, event)
            is_healthy = answer.is_success
        finally:
            breaker.settle(permit, is_healthy=is_healthy)
        return answer

    async def _post(self, endpoint: Endpoint, event: WebhookEvent) -> EndpointAnswer:
        now = self.now()
        content_type, body = content_of(event, endpoint.settings.format, self.source)
        keys = [Webhook(secret) for secret in endpoint.secrets(now)]
        headers = {"content-type": content_type, **signed_headers(keys, event.id, body, now)}
        started = time.perf_counter()
        found = await self.http.call("POST", endpoint.settings.url, headers=headers, body=body)
        duration = timedelta(seconds=time.perf_counter() - started)
        return _read(found, duration, self.now())

    def _room(self, endpoint_id: str) -> _Room:
        room = self._rooms.get(endpoint_id)
        if room is None:
            if len(self._rooms) >= _KNOWN_ENDPOINTS:
                del self._rooms[next(iter(self._rooms))]
            gate = Gate(concurrency=self.at_once)
            room = self._rooms[endpoint_id] = _Room(gate, self.new_breaker())
        return room


def _read(found: HttpAnswer | HttpFailure, duration: timedelta, now: datetime) -> EndpointAnswer:
    if not isinstance(found, HttpAnswer):
        return EndpointAnswer(duration=duration, error=found.detail)
    text = found.body[:_SHOWN_BYTES].decode("utf-8", "replace")
    return EndpointAnswer(
        duration=duration,
        status_code=found.status,
        answer=_NOT_SHOWN.sub(" ", text),
        error=None if found.is_success else f"the receiver answered {found.status}",
        retry_after=found.retry_after(now),
    )


def open_caller(
    networks: str,
    *,
    timeout: timedelta,
    at_once: int,
    new_breaker: Callable[[], CircuitBreaker],
    source: str | None,
    now: Callable[[], datetime],
) -> HttpEndpointCaller:
    """Make a caller that connects to public addresses, and to these networks."""
    guard = AddressGuard(allowed=parse_networks(networks))
    return HttpEndpointCaller(
        http=HttpCaller(timeout=timeout, guard=guard),
        at_once=at_once,
        new_breaker=new_breaker,
        source=source,
        now=now,
    )
