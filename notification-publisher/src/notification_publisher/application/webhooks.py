"""Who is told of status changes: endpoints are made, changed, tried out, and events sent again."""

import base64
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from durable_queue.port import BrokerClock
from notification_contracts.webhooks import DisabledFor, EventKind
from notification_ledger.reading import LedgerReader
from notification_ledger.webhooks.endpoints import (
    ASKED_FOR,
    Endpoint,
    EndpointSettings,
    KeptAttempt,
    WebhookEvent,
)
from notification_ledger.webhooks.events import event_id
from notification_ledger.webhooks.port import (
    EndpointChanged,
    EndpointStore,
    UnknownAttempt,
    WebhookStore,
)

from notification_publisher.application.ports import EndpointDisabled
from notification_publisher.application.webhook_lines import SendLines

_SECRET_BYTES: Final = 32
_TRIES: Final = 5


def new_endpoint_id() -> str:
    """Make an id for an endpoint."""
    return f"wh_{secrets.token_hex(12)}"


def new_secret() -> str:
    """Make a secret, as Standard Webhooks write them."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ManageEndpoints:
    """Make endpoints, and change them. `clock` is the one by which changes happen."""

    store: EndpointStore
    ledger: LedgerReader
    clock: BrokerClock

    async def create(self, settings: EndpointSettings, *, is_enabled: bool) -> Endpoint:
        """Make an endpoint. It is told of what happens from now on.

        Raises `TooManyEndpoints`.
        """
        now = await self.clock.time()
        endpoint = Endpoint(
            id=new_endpoint_id(),
            settings=settings,
            secret=new_secret(),
            since=await self.ledger.latest_change(),
            created_at=now,
            updated_at=now,
            disabled_for=None if is_enabled else DisabledFor.OPERATOR,
        )
        return await self.store.store(endpoint)

    async def change(
        self, endpoint_id: str, settings: EndpointSettings, *, is_enabled: bool
    ) -> Endpoint:
        """Replace what was said of an endpoint; one that was disabled is enabled, or stays so.

        One that is enabled again is not told of what happened meanwhile. Raises `UnknownEndpoint`.
        """
        latest = await self.ledger.latest_change()

        def changed(known: Endpoint, now: datetime) -> Endpoint:
            why = None if is_enabled else known.disabled_for or DisabledFor.OPERATOR
            since = known.since if known.is_enabled else latest
            return replace(known, settings=settings, disabled_for=why, since=since, updated_at=now)

        return await self._change(endpoint_id, changed)

    async def rotate(self, endpoint_id: str, grace: timedelta) -> Endpoint:
        """Give an endpoint a new secret; the one that it had signs, too, for the time of grace.

        Raises `UnknownEndpoint`.
        """
        secret = new_secret()

        def changed(known: Endpoint, now: datetime) -> Endpoint:
            if known.secret == secret:  # an earlier try, whose answer was lost
                return known
            return replace(
                known,
                secret=secret,
                former_secret=known.secret if grace else None,
                former_secret_until=now + grace if grace else None,
                updated_at=now,
            )

        return await self._change(endpoint_id, changed)

    async def _change(
        self, endpoint_id: str, changed: Callable[[Endpoint, datetime], Endpoint]
    ) -> Endpoint:
        now = await self.clock.time()
        for _ in range(_TRIES):
            known = await self.store.endpoint(endpoint_id)
            try:
                return await self.store.store(changed(known, now))
            except EndpointChanged:
                continue
        raise EndpointChanged(endpoint_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class SendAgain:
    """Send an event of the history again, beside whatever waits for the endpoint.

    It has the same id as before, so that a receiver knows it.
    """

    store: WebhookStore
    send_lines: SendLines

    async def __call__(self, endpoint_id: str, attempt_id: str) -> WebhookEvent:
        endpoint = await _enabled(self.store, endpoint_id)
        kept = await self.store.attempt(endpoint_id, attempt_id)
        if kept is None:
            raise UnknownAttempt(attempt_id)
        event = replace(kept.attempt.event, ordering_key=f"{ASKED_FOR}{secrets.token_hex(8)}")
        await self.store.append([(endpoint, event)])
        await self.send_lines()
        return event


@dataclass(frozen=True, slots=True, kw_only=True)
class TryEndpoint:
    """Send an endpoint an event that says nothing but that it is a test."""

    store: WebhookStore
    send_lines: SendLines
    clock: BrokerClock

    async def __call__(self, endpoint_id: str) -> WebhookEvent:
        endpoint = await _enabled(self.store, endpoint_id)
        name = secrets.token_hex(8)
        event = WebhookEvent(
            id=event_id(EventKind.TEST, name),
            kind=EventKind.TEST,
            at=await self.clock.time(),
            ordering_key=f"{ASKED_FOR}{name}",
            data={"webhook": endpoint_id},
        )
        await self.store.append([(endpoint, event)])
        await self.send_lines()
        return event


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowAttempts:
    """List what became of the attempts to tell an endpoint, newest first."""

    store: WebhookStore

    async def __call__(
        self, endpoint_id: str, *, limit: int, before: str | None
    ) -> Sequence[KeptAttempt]:
        """Return those before this one, all without it. Raises `UnknownEndpoint`."""
        await self.store.endpoint(endpoint_id)
        return await self.store.attempts(endpoint_id, limit=limit, before=before)


async def _enabled(store: EndpointStore, endpoint_id: str) -> Endpoint:
    endpoint = await store.endpoint(endpoint_id)
    if endpoint.disabled_for is not None:
        raise EndpointDisabled(endpoint.disabled_for)
    return endpoint
