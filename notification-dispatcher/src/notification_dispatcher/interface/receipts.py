"""What providers post: what became of messages, what was learnt about addresses."""

from typing import Any, Final

from fastapi import APIRouter, Request, Response
from notification_contracts.http.scopes import NEEDS_NO_KEY
from notification_ledger.reading import LedgerUnavailable
from notification_providers.port import (
    ForgedReceipt,
    Receipt,
    ReceiptRequest,
    UnreadableReceipt,
)
from prometheus_client import CollectorRegistry, Counter
from service_kit.http.bodies import read_body
from service_kit.http.openapi_parts import AS_IT_IS, answer
from service_kit.http.paths import decode_segment
from service_kit.http.requests import log_request_as
from service_kit.http.routes import RelayRoute

from notification_dispatcher.application.ports import UnknownProvider
from notification_dispatcher.application.take_receipts import Item, TakeReceipts
from notification_dispatcher.interface.problems import refusals

_DOCUMENTED: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "provider",
            "in": "path",
            "required": True,
            "description": "The provider's name, as `GET /providers` shows it.",
            "schema": {"type": "string"},
        }
    ],
    "requestBody": {
        "required": True,
        "description": "Whatever the provider posts, signed as it does.",
        "content": {"*/*": {"schema": {}}},
    },
}


class ReceiptMetrics:
    """How many receipts and reports each provider gave, and how many of its posts were refused."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._taken = Counter(
            "dispatcher_receipts_total",
            "Receipts and reports about addresses, by what they say; refused posts as such.",
            ("provider", "kind"),
            registry=registry,
        )

    def count(self, provider: str, kind: str) -> None:
        """Count one."""
        self._taken.labels(provider, kind).inc()


def receipt_routes(
    take: TakeReceipts, metrics: ReceiptMetrics, *, public_url: str | None
) -> APIRouter:
    """Build the route for receipts. `public_url` is where providers reach it."""
    # The query is the provider's own; its reader knows what to make of it.
    router = APIRouter(tags=["providers"], route_class=RelayRoute)

    @router.post(
        "/receipts/{provider}",
        summary="Take a provider's receipt",
        status_code=204,
        responses=answer(204, "All of it is stored.")
        | refusals(UnknownProvider, ForgedReceipt, UnreadableReceipt, LedgerUnavailable),
        openapi_extra=NEEDS_NO_KEY | AS_IT_IS | _DOCUMENTED,
    )
    async def take_receipt(request: Request) -> Response:
        """Takes what a provider reports of its messages (delivered, failed) and of addresses (dead,
        bounced, opted out). The provider's signature is checked. To post it again changes nothing.
        """
        name = decode_segment(request.path_params["provider"])
        posted = ReceiptRequest(
            url=_called_url(request, public_url),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await read_body(request),
        )
        try:
            taken = await take(name, posted)
        except (ForgedReceipt, UnreadableReceipt) as error:
            kind = "forged" if isinstance(error, ForgedReceipt) else "unreadable"
            metrics.count(name, kind)
            log_request_as(request, f"receipt.{kind}", provider=name, error=str(error))
            raise
        for item in taken.items:
            metrics.count(taken.provider, _kind(item))
        log_request_as(
            request,
            "receipt.taken",
            provider=taken.provider,
            kinds=sorted({_kind(item) for item in taken.items}),
            count=len(taken.items),
            parked=taken.parked,
        )
        return Response(status_code=204)

    return router


def _kind(item: Item) -> str:
    return item.status.value if isinstance(item, Receipt) else item.kind.value


def _called_url(request: Request, public_url: str | None) -> str:
    """Return the URL as the provider called it; a proxy's own words for it are nobody's proof."""
    base = (public_url or f"http://{request.headers.get('host', '')}").rstrip("/")
    query = request.scope["query_string"].decode("latin-1")
    path = request.scope["raw_path"].decode("latin-1").partition("?")[0]
    return f"{base}{path}?{query}" if query else f"{base}{path}"
