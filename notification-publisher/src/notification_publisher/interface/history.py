"""Forgetting what has ended, before its time."""

from typing import Final

from fastapi import APIRouter, Request, Response
from notification_contracts.http import ForgetAnswer, ForgetRequest
from notification_contracts.http.scopes import Scope, needs
from notification_ledger.reading import LedgerUnavailable
from notification_ledger.writing import LedgerUpkeep
from pydantic import TypeAdapter
from pydantic_core import to_json
from service_kit.http.bodies import parse_json_body, read_body
from service_kit.http.openapi_parts import COUNTED_BY, JSON, answer, json_body
from service_kit.logs import get_logger

from notification_publisher.application.history import ForgetEnded
from notification_publisher.interface.problems import refusals

log = get_logger(__name__)

_REQUEST: Final = TypeAdapter(ForgetRequest)
_EXAMPLES: Final = {"count them first": {"before": "2026-01-31T09:00:00Z", "dry_run": True}}


def history_routes(ledger: LedgerUpkeep) -> APIRouter:
    """Build the operator's route to shorten the history."""
    router = APIRouter(tags=["notifications"], default_response_class=Response)
    forget = ForgetEnded(ledger=ledger)

    @router.post(
        "/notifications/forget",
        summary="Forget what ended long ago",
        responses=answer(200, "How many.", ForgetAnswer) | refusals(LedgerUnavailable),
        openapi_extra=needs(Scope.OPERATE)
        | {COUNTED_BY: "forgotten"}
        | json_body(ForgetRequest, _EXAMPLES),
    )
    async def forget_notifications(request: Request) -> Response:
        """Forgets notifications that ended before a time, up to 10,000 a call; `more` says to call
        again. Dead letters stay. They are forgotten by themselves after `RETENTION_DAYS`, and
        earlier while memory is short.
        """
        asked = parse_json_body(_REQUEST, await read_body(request))
        found = await forget(asked.before, dry_run=asked.dry_run)
        shown = {"forgotten": found.count, "more": found.more, "dry_run": asked.dry_run}
        log.info("notifications.forgotten", before=asked.before.isoformat(), **shown)
        return Response(to_json(shown), media_type=JSON)

    return router
