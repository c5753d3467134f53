"""The operator's side: what was given up, and what becomes of it."""

from typing import Annotated, Final

from durable_queue.port import MessageControl
from fastapi import APIRouter, Query, Request, Response
from notification_contracts.http import (
    DeadLetterPage,
    NotificationView,
    ReplayAnswer,
    ReplayedNotificationView,
    ReplayRequest,
)
from notification_ledger.reading import LedgerReader, RecordQuery
from pydantic import TypeAdapter
from pydantic_core import to_json
from service_kit.http.bodies import parse_json_body, read_body
from service_kit.logs import get_logger

from notification_publisher.application.dead_letters import (
    DeleteDeadLetter,
    ReplayDeadLetter,
    ReplayDeadLetters,
    ReplayReport,
    ShowDeadLetter,
)
from notification_publisher.interface.vocabulary import (
    JSON,
    Channel,
    Cursor,
    Limit,
    TraceIdInPath,
    json_body,
    notification_answer,
    page_answer,
    problems,
    replay_answer,
)

log = get_logger(__name__)

_REPLAY: Final = TypeAdapter(ReplayRequest)

_MAYBE_SENT: Final = (
    "an earlier attempt may have reached the provider; sent again, the user may get it twice"
)

_GONE: Final = "the message is no longer in the broker; it can only be deleted"

Reason = Annotated[
    str | None, Query(min_length=1, max_length=64, description="Only those given up for it.")
]


def dead_letter_routes(
    ledger: LedgerReader, control: MessageControl, *, per_second: float
) -> APIRouter:
    """Build the operator's routes."""
    router = APIRouter(prefix="/dead-letters", tags=["dead letters"])
    _add_finding(router, ledger)
    _add_replaying(router, ledger, control, per_second)
    _add_deleting(router, ledger, control)
    return router


def _add_finding(router: APIRouter, ledger: LedgerReader) -> None:
    show = ShowDeadLetter(ledger=ledger)

    @router.get("", response_model=DeadLetterPage, responses=problems(422))
    async def list_dead_letters(
        *,
        reason: Reason = None,
        channel: Channel = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        """Give a page of what was given up and neither replayed nor deleted since."""
        query = RecordQuery(
            reason=reason, channel=channel, limit=limit, cursor=cursor, dead_letters=True
        )
        return await page_answer(ledger, query)

    @router.get("/{trace_id}", response_model=NotificationView, responses=problems(404))
    async def show_dead_letter(trace_id: TraceIdInPath) -> Response:
        """Tell why it was given up, and everything that happened to it."""
        return notification_answer(await show(trace_id))


def _add_replaying(
    router: APIRouter,
    ledger: LedgerReader,
    control: MessageControl,
    per_second: float,
) -> None:
    replay = ReplayDeadLetter(ledger=ledger, control=control)
    replay_many = ReplayDeadLetters(ledger=ledger, control=control, per_second=per_second)

    @router.post(
        "/replay",
        response_model=ReplayAnswer,
        responses=problems(400, 413, 422),
        openapi_extra=json_body(ReplayRequest),
    )
    async def replay_dead_letters(request: Request) -> Response:
        """Queue all again that pass the filters, oldest first and spaced; or only count them.

        Without a filter it takes `all`, or is refused.
        """
        asked = parse_json_body(_REPLAY, await read_body(request))
        query = RecordQuery(
            reason=asked.reason, channel=asked.channel, since=asked.since, until=asked.until
        )
        report = await replay_many(query, limit=asked.limit, dry_run=asked.dry_run)
        counts = {
            "matched": len(report.matched),
            "replayed": report.replayed,
            "dry_run": asked.dry_run,
            "ambiguous": report.ambiguous,
        }
        log.info(
            "dead_letters.replayed",
            reason=asked.reason,
            channel=asked.channel,
            gone=len(report.gone),
            **counts,
        )
        answer = {
            **counts,
            "trace_ids": report.matched,
            "gone": report.gone,
            "warning": _warning(report),
        }
        return Response(to_json(answer), media_type=JSON)

    @router.post(
        "/{trace_id}/replay",
        status_code=202,
        response_model=ReplayedNotificationView,
        responses=problems(404, 409),
    )
    async def replay_dead_letter(trace_id: TraceIdInPath) -> Response:
        """Queue it again, its attempts counted anew; warn if it may have been sent before."""
        record, may_be_sent = await replay(trace_id)
        return replay_answer(record, _MAYBE_SENT if may_be_sent else None)


def _warning(report: ReplayReport) -> str | None:
    warnings = []
    if report.ambiguous:
        warnings.append(f"{report.ambiguous} of {len(report.matched)}: {_MAYBE_SENT}")
    if report.gone:
        warnings.append(f"{len(report.gone)} of {len(report.matched)}: {_GONE}")
    return "; ".join(warnings) or None


def _add_deleting(router: APIRouter, ledger: LedgerReader, control: MessageControl) -> None:
    delete = DeleteDeadLetter(ledger=ledger, control=control)

    @router.delete("/{trace_id}", status_code=204, responses=problems(404, 409))
    async def delete_dead_letter(trace_id: TraceIdInPath) -> Response:
        """Forget its message for good; what happened to it stays on record."""
        await delete(trace_id)
        return Response(status_code=204)
