"""The operator's side: what was given up, and what becomes of it."""

from collections.abc import Awaitable, Callable
from typing import Final

from durable_queue.port import MessageControl, QueueUnavailable
from fastapi import APIRouter, Request, Response
from notification_contracts.http import (
    ReplayAnswer,
    ReplayRequest,
)
from notification_contracts.http.callers import NotForTestKeys, caller_of
from notification_contracts.http.scopes import Scope, needs
from notification_ledger.reading import (
    DeadLetterGroups,
    LedgerReader,
    LedgerUnavailable,
    RecordQuery,
)
from pydantic import TypeAdapter
from pydantic_core import to_json
from service_kit.http.bodies import parse_json_body, read_body
from service_kit.http.openapi_parts import COUNTED_BY, JSON, answer, json_body
from service_kit.http.pages import Cursor
from service_kit.logs import get_logger

from notification_publisher.application.dead_letters import (
    DeleteDeadLetter,
    ReplayDeadLetter,
    ReplayDeadLetters,
    ReplayReport,
    ShowDeadLetter,
)
from notification_publisher.application.ports import NotADeadLetter, UnknownDeadLetter
from notification_publisher.interface.answers import (
    notification_answer,
    page_answer,
    replay_answer,
)
from notification_publisher.interface.parameters import (
    Channel,
    Limit,
    Reason,
    Since,
    TraceIdInPath,
    Until,
)
from notification_publisher.interface.problems import refusals
from notification_publisher.interface.views import (
    DeadLetterGroupsView,
    DeadLetterPage,
    NotificationView,
    ReplayedNotificationView,
)

log = get_logger(__name__)

AskForGroups = Callable[[], Awaitable[DeadLetterGroups]]

_REPLAY: Final = TypeAdapter(ReplayRequest)

_MAYBE_SENT: Final = (
    "an earlier attempt may have reached the provider; sent again, the user may get it twice"
)

_GONE: Final = "the message is no longer in the broker; it can only be deleted"

_EXAMPLES: Final = {
    "try it first": {"reason": "provider_unavailable", "dry_run": True},
    "an outage": {
        "channel": "sms",
        "since": "2026-01-31T09:00:00Z",
        "until": "2026-01-31T10:00:00Z",
        "limit": 500,
    },
}


def dead_letter_routes(
    ledger: LedgerReader, control: MessageControl, *, groups: AskForGroups, per_second: float
) -> APIRouter:
    """Build the operator's routes. `groups` are asked for as often as somebody wants them."""
    router = APIRouter(
        prefix="/dead-letters", tags=["dead letters"], default_response_class=Response
    )
    _add_finding(router, ledger, groups)
    _add_replaying(router, ledger, control, per_second)
    _add_deleting(router, ledger, control)
    return router


def _add_finding(router: APIRouter, ledger: LedgerReader, groups: AskForGroups) -> None:
    show = ShowDeadLetter(ledger=ledger)

    @router.get(
        "/groups",
        summary="Count dead letters",
        responses=answer(200, "The groups.", DeadLetterGroupsView) | refusals(LedgerUnavailable),
    )
    async def list_dead_letter_groups() -> Response:
        """Counts dead letters by reason and channel, the largest group first. If there are very
        many, the newest 20,000 are counted, and `is_complete` is false. An answer may be some
        seconds old.
        """
        return Response(to_json(await groups()), media_type=JSON)

    @router.get(
        "",
        summary="List dead letters",
        responses=answer(200, "A page.", DeadLetterPage) | refusals(LedgerUnavailable),
    )
    async def list_dead_letters(
        *,
        reason: Reason = None,
        channel: Channel = None,
        since: Since = None,
        until: Until = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        """Gives a page of what was given up and neither replayed nor deleted since."""
        query = RecordQuery(
            reason=reason,
            channel=channel,
            since=since,
            until=until,
            limit=limit,
            cursor=cursor,
            dead_letters=True,
        )
        return await page_answer(ledger, query)

    @router.get(
        "/{trace_id}",
        summary="Find a dead letter",
        responses=answer(200, "The dead letter.", NotificationView)
        | refusals(UnknownDeadLetter, LedgerUnavailable),
    )
    async def get_dead_letter(trace_id: TraceIdInPath) -> Response:
        """Tells why it was given up, and everything that happened to it."""
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
        summary="Replay many dead letters",
        responses=answer(200, "What was queued.", ReplayAnswer)
        | refusals(QueueUnavailable, LedgerUnavailable),
        openapi_extra=needs(Scope.OPERATE)
        | {COUNTED_BY: "replayed"}
        | json_body(ReplayRequest, _EXAMPLES),
    )
    async def replay_dead_letters(request: Request) -> Response:
        """Queues all again that pass the filters, oldest first and spaced, so that they do not
        flood a provider. Without a filter it takes `all`. `dry_run` only tells which they are.
        `ambiguous` counts those of which an earlier attempt may have reached the provider;
        `warning` says so in words. With a test key, only what was asked for with one is queued.
        """
        asked = parse_json_body(_REPLAY, await read_body(request))
        query = RecordQuery(
            reason=asked.reason, channel=asked.channel, since=asked.since, until=asked.until
        )
        report = await replay_many(
            query,
            limit=asked.limit,
            dry_run=asked.dry_run,
            only_tests=caller_of(request.scope["headers"]).is_test,
        )
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
        found = {
            **counts,
            "trace_ids": report.matched,
            "gone": report.gone,
            "warning": _warning(report),
        }
        return Response(to_json(found), media_type=JSON)

    @router.post(
        "/{trace_id}/replay",
        summary="Replay a dead letter",
        status_code=202,
        responses=answer(202, "The notification, queued again.", ReplayedNotificationView)
        | refusals(
            UnknownDeadLetter, NotADeadLetter, NotForTestKeys, QueueUnavailable, LedgerUnavailable
        ),
        openapi_extra=needs(Scope.OPERATE),
    )
    async def replay_dead_letter(trace_id: TraceIdInPath, request: Request) -> Response:
        """Queues it again, its attempts counted anew. `warning` is set if an earlier attempt may
        have reached the provider, so that the user may get it twice.
        """
        is_test = caller_of(request.scope["headers"]).is_test
        record, may_be_sent = await replay(trace_id, only_tests=is_test)
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

    @router.delete(
        "/{trace_id}",
        summary="Delete a dead letter",
        status_code=204,
        responses=answer(204, "Deleted.")
        | refusals(UnknownDeadLetter, NotADeadLetter, QueueUnavailable, LedgerUnavailable),
        openapi_extra=needs(Scope.OPERATE),
    )
    async def delete_dead_letter(trace_id: TraceIdInPath) -> Response:
        """Forgets its message for good; what happened to it stays on record. Doing so twice is
        fine.
        """
        await delete(trace_id)
        return Response(status_code=204)
