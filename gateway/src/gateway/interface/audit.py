"""The audit list: every change but sends is written down before its answer goes out."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any, Final

from fastapi import APIRouter, Response
from notification_contracts.http.scopes import Scope as KeyScope
from notification_contracts.http.scopes import needs
from pydantic import BaseModel
from pydantic_core import from_json
from service_kit.cursors import seal, unseal
from service_kit.http.openapi_parts import JSON, answer
from service_kit.http.pages import Cursor, Limit, read_cursor, read_page
from service_kit.http.paths import decode_segment
from service_kit.http.problems import ProblemError, ProblemTable
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.application.audit import AuditTrail
from gateway.application.known_keys import caller_in
from gateway.application.ports import AuditEntry, StoreUnavailable
from gateway.interface.problems import refusals

_LISTING: Final = "audit"
_PERSONAL: Final = frozenset({"address"})
_LONGEST_TARGET: Final = 500
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_BYTES_OF_A_PLACE: Final = 8
_REFUSED: Final = 400
_NOTHING: Final[Mapping[str, Any]] = {}


class ActorView(BaseModel):
    """Whose key it was."""

    name: str
    prefix: str


class AuditEntryView(BaseModel):
    """One change: `action` is the call's operation id, `count` how many things it changed."""

    at: datetime
    actor: ActorView | None
    action: str
    target: str | None
    count: int | None
    status: int
    request_id: str


class AuditPageView(BaseModel):
    """A page; `next_cursor` leads to the next one, and is null on the last."""

    items: list[AuditEntryView]
    next_cursor: str | None


def audit_routes(trail: AuditTrail) -> APIRouter:
    """Build the route by which the list is read."""
    router = APIRouter(tags=["keys"], default_response_class=Response)

    @router.get(
        "/audit",
        summary="List what was changed",
        responses=answer(200, "A page.", AuditPageView) | refusals(StoreUnavailable),
        openapi_extra=needs(KeyScope.OPERATE),
    )
    async def list_audit(
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        """Gives a page of the changes that were asked for, newest first: by whom, when, on how
        many, and with which status they were answered. Sends, stored contacts and dry runs are not
        among them. `actor` is null for what was done without a key.
        """
        read = partial(trail.page, after=read_cursor(cursor, _place_in))
        page, last = await read_page(read, limit)
        view = AuditPageView(
            items=[_view(entry) for _, entry in page],
            next_cursor=last and seal(_LISTING, str(last[0])),
        )
        return Response(view.model_dump_json(), media_type=JSON)

    return router


def _place_in(cursor: str) -> int:
    place = int(unseal(_LISTING, cursor))
    place.to_bytes(_BYTES_OF_A_PLACE, signed=True)  # no database has a larger one
    return place


def _view(entry: AuditEntry) -> AuditEntryView:
    actor = entry.actor_prefix and ActorView(name=entry.actor_name or "", prefix=entry.actor_prefix)
    return AuditEntryView(
        at=entry.at,
        actor=actor or None,
        action=entry.action,
        target=entry.target,
        count=entry.count,
        status=entry.status,
        request_id=entry.request_id,
    )


class Audited:
    """Writes down what came of the calls of a route, before their answers go out."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        action: str,
        counted_by: str | None,
        trail: AuditTrail,
        problems: ProblemTable,
        now: Callable[[], datetime],
    ) -> None:
        self._app = app
        self._action = action
        self._counted_by = counted_by
        self._trail = trail
        self._problems = problems
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        messages: list[Message] = []

        async def keep(message: Message) -> None:
            messages.append(message)

        try:
            await self._app(scope, receive, keep)
        except Exception as error:
            await self._note(scope, self._status_of(error))
            raise
        status, made = messages[0]["status"], _place_of(messages[0])
        said: dict[str, Any] = {}
        if self._counted_by is not None and status < _REFUSED:
            said = from_json(b"".join(message.get("body", b"") for message in messages))
        if not said.get("dry_run"):
            await self._note(scope, status, said, made)
        for message in messages:
            await send(message)

    async def _note(
        self,
        scope: Scope,
        status: int,
        said: Mapping[str, Any] = _NOTHING,
        made: str | None = None,
    ) -> None:
        state = scope["state"]
        caller = caller_in(state)
        entry = AuditEntry(
            at=self._now(),
            actor_name=caller.key.name if caller else None,
            actor_prefix=caller.key.prefix if caller else None,
            action=self._action,
            target=_target_in(scope["path_params"]) or made,
            count=self._count(status, said),
            status=status,
            request_id=state["request_id"],
        )
        await self._trail.note(entry)

    def _count(self, status: int, said: Mapping[str, Any]) -> int | None:
        if status >= _REFUSED:
            return 0
        if self._counted_by is None:
            return 1
        count = said.get(self._counted_by)
        return count if isinstance(count, int) else None

    def _status_of(self, error: Exception) -> int:
        if isinstance(error, ProblemError):
            return error.problem.status
        found = (self._problems[cls].status for cls in type(error).__mro__ if cls in self._problems)
        return next(found, 500)


def _target_in(path_params: Mapping[str, str]) -> str | None:
    """Name what a path is about, without the addresses of people."""
    named = (
        "…" if name in _PERSONAL else decode_segment(value) for name, value in path_params.items()
    )
    # PostgreSQL keeps no NUL, and in a list of one line each no target makes a second one.
    return _CONTROLS.sub("\ufffd", "/".join(named)[:_LONGEST_TARGET]) or None


def _place_of(start: Message) -> str | None:
    """Name what was made: the last part of where it is."""
    for name, value in start.get("headers", ()):
        if name.lower() == b"location":
            place: str = value.decode("latin-1")
            return place.rpartition("/")[2]
    return None
