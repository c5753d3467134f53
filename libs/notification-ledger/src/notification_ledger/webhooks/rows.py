"""Endpoints, events and attempts as JSON, as the store in Redis keeps them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Final

from notification_contracts.webhooks import DisabledFor
from pydantic import TypeAdapter
from pydantic_core import to_json
from service_kit.epoch import from_ms

from notification_ledger.webhooks.endpoints import (
    Attempt,
    Endpoint,
    EndpointSettings,
    KeptAttempt,
    WebhookEvent,
)

STATE: Final = ("c", "rv", "fs", "df", "da", "w")
"""The fields of an endpoint's hash: what was said of it, revision, and how it is doing; in ms."""

_EVENT: Final = TypeAdapter(WebhookEvent)
_ATTEMPT: Final = TypeAdapter(Attempt)


@dataclass(frozen=True, slots=True, kw_only=True)
class _SaidOfEndpoint:
    """What is written when a client creates or changes an endpoint, and not otherwise."""

    id: str
    settings: EndpointSettings
    secret: str
    former_secret: str | None
    former_secret_until: datetime | None
    since: str
    created_at: datetime
    updated_at: datetime


_SAID: Final = TypeAdapter(_SaidOfEndpoint)


def said_of(endpoint: Endpoint) -> bytes:
    """Write what a client's call decides of an endpoint."""
    return to_json({each.name: getattr(endpoint, each.name) for each in fields(_SaidOfEndpoint)})


def endpoint_of(row: Sequence[bytes | None]) -> Endpoint:
    """Read an endpoint from the fields `STATE` of its hash."""
    said, revision, failing, disabled_for, disabled_at, waiting = row
    known = _SAID.validate_json(said or b"")
    return Endpoint(
        **{each.name: getattr(known, each.name) for each in fields(_SaidOfEndpoint)},
        revision=int(revision or 0),
        failing_since=from_ms(int(failing)) if failing else None,
        disabled_for=DisabledFor(disabled_for.decode()) if disabled_for else None,
        disabled_at=from_ms(int(disabled_at)) if disabled_at else None,
        waiting=max(int(waiting or 0), 0),
    )


def event_to_json(event: WebhookEvent) -> bytes:
    """Write an event: the same bytes for the same event, by which the scripts know it."""
    return to_json(event)


def event_of(text: bytes) -> WebhookEvent:
    """Read what `event_to_json` wrote."""
    return _EVENT.validate_json(text)


def attempt_to_json(attempt: Attempt) -> bytes:
    """Write an attempt."""
    return to_json(asdict(attempt))


def attempt_of(entry_id: bytes, columns: Sequence[bytes]) -> KeptAttempt:
    """Read an entry of the stream of attempts: its id begins with its time."""
    name = entry_id.decode()
    at = from_ms(int(name.partition("-")[0]))
    return KeptAttempt(id=name, at=at, attempt=_ATTEMPT.validate_json(columns[1]))
