"""Forgetting what has ended, before its time."""

from typing import Final

from fastapi import APIRouter, Request, Response
from notification_contracts.http import ForgetAnswer, ForgetRequest
from notification_ledger.writing import LedgerUpkeep
from pydantic import TypeAdapter
from pydantic_core import to_json
from service_kit.http.bodies import parse_json_body, read_body
from service_kit.logs import get_logger

from notification_publisher.application.history import ForgetEnded
from notification_publisher.interface.vocabulary import JSON, json_body, problems

log = get_logger(__name__)

_REQUEST: Final = TypeAdapter(ForgetRequest)


def history_routes(ledger: LedgerUpkeep) -> APIRouter:
    """Build the operator's route to shorten the history."""
    router = APIRouter(tags=["notifications"])
    forget = ForgetEnded(ledger=ledger)

    @router.post(
        "/notifications/forget",
        response_model=ForgetAnswer,
        responses=problems(400, 413, 422),
        openapi_extra=json_body(ForgetRequest),
    )
    async def forget_notifications(request: Request) -> Response:
        """Forget notifications that ended before a time; or only count them."""
        asked = parse_json_body(_REQUEST, await read_body(request))
        found = await forget(asked.before, dry_run=asked.dry_run)
        answer = {"forgotten": found.count, "more": found.more, "dry_run": asked.dry_run}
        log.info("notifications.forgotten", before=asked.before.isoformat(), **answer)
        return Response(to_json(answer), media_type=JSON)

    return router
