"""Status webhooks: who is told of status changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from durable_queue.port import BrokerClock, QueueUnavailable
from fastapi import APIRouter, Depends, Path, Request, Response
from notification_contracts.http.scopes import Scope, needs
from notification_contracts.http.webhooks import (
    RotateRequest,
    WebhookListView,
    WebhookRequest,
    WebhookView,
    WebhookWithSecretView,
)
from notification_ledger.reading import LedgerReader, LedgerUnavailable
from notification_ledger.webhooks.endpoints import Endpoint, EndpointSettings
from notification_ledger.webhooks.opening import WebhookParts
from notification_ledger.webhooks.port import (
    EndpointChanged,
    TooManyEndpoints,
    UnknownEndpoint,
    WebhooksNotKept,
    WebhookStore,
    WebhooksUnavailable,
)
from pydantic import TypeAdapter
from pydantic_core import to_json
from service_kit.http.bodies import parse_json_body, read_body
from service_kit.http.openapi_parts import JSON, REMOVES, JsonObject, Responses, answer, json_body
from service_kit.logs import get_logger

from notification_publisher.application.webhooks import ManageEndpoints
from notification_publisher.interface.problems import refusals

log = get_logger(__name__)

EXAMPLE_ID: Final = "wh_5f0c2d1e4b5a7b1e9a573f0c"
PREFIX: Final = "/webhooks"
EndpointId = Annotated[
    str,
    Path(description="The webhook's id.", openapi_examples={"a webhook": {"value": EXAMPLE_ID}}),
]

_REQUEST: Final = TypeAdapter(WebhookRequest)
_ROTATE: Final = TypeAdapter(RotateRequest)
_EXAMPLES: Final[dict[str, JsonObject]] = {
    "all status changes": {"url": "https://example.com/notifications"},
    "what was not sent, as CloudEvents": {
        "url": "https://example.com/notifications",
        "statuses": ["failed", "expired"],
        "channels": ["email"],
        "tags": ["orders"],
        "format": "cloudevents",
    },
    "for operators": {
        "url": "https://example.com/alarms",
        "events": ["provider.breaker_opened", "dead_letters.piled_up"],
    },
}
_SECRET_ONCE: Final = {"Cache-Control": "no-store"}
_NOT_PUBLIC: Final = (
    "it is on this machine or in a private network, and is told nothing unless "
    "STATUS_WEBHOOK_NETWORKS of the dispatchers names that network"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """What the calls work with."""

    parts: WebhookParts
    ledger: LedgerReader
    clock: BrokerClock

    @property
    def store(self) -> WebhookStore:
        """The store."""
        return self.parts.store


def router_for(webhooks: Webhooks) -> APIRouter:
    """Make a router whose calls are refused where there is no store that all processes share."""

    async def is_kept() -> None:
        if not webhooks.parts.are_shared:
            raise WebhooksNotKept

    return APIRouter(
        prefix=PREFIX,
        tags=["webhooks"],
        default_response_class=Response,
        dependencies=[Depends(is_kept)],
    )


def refused_with(*errors: type[Exception]) -> Responses:
    """Describe what a call on webhooks is answered with when it fails."""
    return refusals(*errors, WebhooksNotKept, WebhooksUnavailable)


def webhook_routes(webhooks: Webhooks) -> APIRouter:
    """Build the routes by which endpoints are made and changed."""
    router = router_for(webhooks)
    _add_changing(
        router,
        ManageEndpoints(store=webhooks.store, ledger=webhooks.ledger, clock=webhooks.clock),
    )
    _add_finding(router, webhooks.store)
    return router


def _add_finding(router: APIRouter, store: WebhookStore) -> None:
    @router.get(
        "",
        summary="List webhooks",
        responses=answer(200, "All of them.", WebhookListView) | refused_with(),
    )
    async def list_webhooks() -> Response:
        """Gives all webhooks, oldest first, and how they are doing. Secrets are not shown again."""
        items = [_shown(each) for each in await store.endpoints()]
        return Response(to_json({"items": items}), media_type=JSON)

    @router.get(
        "/{webhook_id}",
        summary="Find a webhook",
        responses=answer(200, "The webhook.", WebhookView) | refused_with(UnknownEndpoint),
    )
    async def get_webhook(webhook_id: EndpointId) -> Response:
        """Tells of what it is told, and how it is doing."""
        return _answered(await store.endpoint(webhook_id))

    @router.delete(
        "/{webhook_id}",
        summary="Delete a webhook",
        status_code=204,
        responses=answer(204, "Deleted.") | refused_with(UnknownEndpoint),
        openapi_extra={**REMOVES, **needs(Scope.ADMIN)},
    )
    async def delete_webhook(webhook_id: EndpointId) -> Response:
        """Forgets it, its history, and what waits for it."""
        await store.delete(webhook_id)
        log.info("webhook.deleted", webhook=webhook_id)
        return Response(status_code=204)


def _add_changing(router: APIRouter, manage: ManageEndpoints) -> None:
    @router.post(
        "",
        summary="Create a webhook",
        status_code=201,
        responses=answer(
            201,
            "The webhook, with its secret.",
            WebhookWithSecretView,
            headers={"Location": "Where the webhook is found."},
        )
        | refused_with(TooManyEndpoints, LedgerUnavailable, QueueUnavailable),
        openapi_extra={**json_body(WebhookRequest, _EXAMPLES), **needs(Scope.ADMIN)},
    )
    async def create_webhook(request: Request) -> Response:
        """Has status changes posted to a URL, from now on. The answer has the secret with which
        they are signed; it is not shown again.
        """
        asked = parse_json_body(_REQUEST, await read_body(request))
        made = await manage.create(_settings(asked), is_enabled=asked.is_enabled)
        log.info("webhook.created", webhook=made.id)
        headers = {**_SECRET_ONCE, "Location": f"{PREFIX}/{made.id}"}
        return _answered(made, 201, headers, secret=made.secret)

    @router.put(
        "/{webhook_id}",
        summary="Change a webhook",
        responses=answer(200, "The webhook.", WebhookView)
        | refused_with(UnknownEndpoint, EndpointChanged, LedgerUnavailable, QueueUnavailable),
        openapi_extra={**json_body(WebhookRequest, _EXAMPLES), **needs(Scope.ADMIN)},
    )
    async def change_webhook(webhook_id: EndpointId, request: Request) -> Response:
        """Replaces all that was said of it; its secret stays. One that was disabled is enabled
        again, unless `is_enabled` is false; it is not told of what happened meanwhile.
        """
        asked = parse_json_body(_REQUEST, await read_body(request))
        changed = await manage.change(webhook_id, _settings(asked), is_enabled=asked.is_enabled)
        log.info("webhook.changed", webhook=webhook_id, is_enabled=changed.is_enabled)
        return _answered(changed)

    @router.post(
        "/{webhook_id}/rotate",
        summary="Replace a webhook's secret",
        responses=answer(200, "The webhook, with its new secret.", WebhookWithSecretView)
        | refused_with(UnknownEndpoint, EndpointChanged, QueueUnavailable),
        openapi_extra={
            **json_body(
                RotateRequest, {"with a day of grace": {"grace_seconds": 86_400}}, required=False
            ),
            **needs(Scope.ADMIN),
        },
    )
    async def rotate_webhook(webhook_id: EndpointId, request: Request) -> Response:
        """Makes a new secret, which is shown this once. While the time of grace lasts, events are
        signed with both.
        """
        asked = parse_json_body(_ROTATE, await read_body(request) or b"{}")
        rotated = await manage.rotate(webhook_id, timedelta(seconds=asked.grace_seconds))
        log.info("webhook.secret_replaced", webhook=webhook_id, grace_s=asked.grace_seconds)
        return _answered(rotated, headers=_SECRET_ONCE, secret=rotated.secret)


def _settings(asked: WebhookRequest) -> EndpointSettings:
    return EndpointSettings(
        url=asked.url,
        description=asked.description,
        events=asked.events,
        statuses=asked.statuses,
        channels=asked.channels,
        tags=asked.tags,
        format=asked.format,
    )


def _answered(
    endpoint: Endpoint,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **more: str,
) -> Response:
    return Response(to_json({**_shown(endpoint), **more}), status, headers, JSON)


def _shown(endpoint: Endpoint) -> dict[str, Any]:
    settings = endpoint.settings
    return {
        "id": endpoint.id,
        "url": settings.url,
        "description": settings.description,
        "events": settings.events,
        "statuses": settings.statuses,
        "channels": settings.channels,
        "tags": settings.tags,
        "format": settings.format,
        "is_enabled": endpoint.is_enabled,
        "disabled_reason": endpoint.disabled_for,
        "disabled_at": endpoint.disabled_at,
        "failing_since": endpoint.failing_since,
        "waiting": endpoint.waiting,
        "former_secret_until": endpoint.former_secret_until,
        "created_at": endpoint.created_at,
        "updated_at": endpoint.updated_at,
        "warning": None if _may_be_public(settings.url) else _NOT_PUBLIC,
    }


def _may_be_public(url: str) -> bool:
    # Where a name leads is known when it is connected to, and may change.
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_global
    except ValueError:
        return host.rstrip(".").split(".")[-1] != "localhost"
