"""Answers that come when a notification has ended, because the client prefers to wait for that."""

from contextlib import aclosing
from typing import Final

from fastapi import Request, Response
from notification_ledger.reading import LedgerError, LedgerReader, NotificationRecord
from pydantic_core import to_json, to_jsonable_python
from service_kit.http.openapi_parts import JSON, JsonObject
from service_kit.http.streams import StreamSlots
from service_kit.http.waiting import APPLIED, LONGEST_WAIT_SECONDS, preferred_wait, wait_for
from service_kit.logs import get_logger

from notification_publisher.application.ports import PublisherError
from notification_publisher.application.tracking import ShowNotification, WatchNotification
from notification_publisher.interface.answers import notification_answer
from notification_publisher.interface.views import NOT_SHOWN

log = get_logger(__name__)

PREFER_PARAMETER: Final[JsonObject] = {
    "name": "Prefer",
    "in": "header",
    "required": False,
    "description": (
        "`wait=SECONDS` (RFC 7240): answer when the notification has ended, or after so many "
        f"seconds, at most {LONGEST_WAIT_SECONDS}."
    ),
    "schema": {"type": "string"},
}
_KEPT: Final = ("Location", "Idempotent-Replayed")


class Waits:
    """Waits for the ends of notifications, for as many clients at once as `slots` has room for.

    Whoever finds no room is answered at once, as without the preference.
    """

    def __init__(self, ledger: LedgerReader, slots: StreamSlots) -> None:
        self._watch = WatchNotification(ledger=ledger)
        self._show = ShowNotification(ledger=ledger)
        self._slots = slots

    async def after_accepting(
        self, request: Request, accepted: Response, trace_id: str, shown: JsonObject
    ) -> Response:
        """Answer with the notification and what is `shown` besides, if it ends in time.

        Else with `accepted`, and so whatever goes wrong: it is accepted.
        """
        seconds = preferred_wait(request)
        if not seconds or not self._slots.has_room:
            return accepted
        record = await self._ended(request, trace_id, seconds)
        if record is None:
            accepted.headers.update(APPLIED)
            return accepted
        body = to_jsonable_python(record, exclude=NOT_SHOWN) | shown
        # Not of the body: this one has another.
        kept = {name: accepted.headers[name] for name in _KEPT if name in accepted.headers}
        return Response(to_json(body), 200, kept | APPLIED, JSON)

    async def before_showing(self, request: Request, record: NotificationRecord) -> Response:
        """Answer with the notification when it has ended, or as it is when the time is over."""
        seconds = preferred_wait(request)
        if not seconds or not self._slots.has_room:
            return notification_answer(record)
        if not record.status.is_final:
            await self._ended(request, record.trace_id, seconds)
            record = await self._show(record.trace_id)
        response = notification_answer(record)
        response.headers.update(APPLIED)
        return response

    async def _ended(
        self, request: Request, trace_id: str, seconds: float
    ) -> NotificationRecord | None:
        with self._slots.slot():
            return await wait_for(self._end_of(trace_id), request, seconds)

    async def _end_of(self, trace_id: str) -> NotificationRecord | None:
        try:
            changes = await self._watch(trace_id)
            if changes is not None:
                async with aclosing(changes):
                    async for _ in changes:
                        pass
            return await self._show(trace_id)
        except (LedgerError, PublisherError) as error:
            log.warning("wait.broken_off", error=str(error))
            return None
