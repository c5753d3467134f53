"""Sessions: the page shows its key once, and from then on a cookie that no script can read."""

from datetime import datetime
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Request, Response
from notification_contracts.http.callers import KeyKind
from notification_contracts.http.scopes import NEEDS_NO_KEY, Scope
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from service_kit.http.bodies import parse_json_body, read_body
from service_kit.http.openapi_parts import JSON, answer, json_body
from service_kit.http.openapi_parts import refusals as describe
from service_kit.http.problems import ProblemError
from service_kit.http.requests import log_request_as

from gateway.application.known_keys import Principal
from gateway.application.ports import StoreUnavailable
from gateway.application.sessions import SESSION_LASTS, Sessions
from gateway.interface.door import COOKIE, Door
from gateway.interface.problems import UNAUTHENTICATED, refusals

_EXAMPLE: Final = {"a key": {"key": f"an_live_5f0c2a9b1e_{'0123456789abcdef' * 4}"}}
_NOT_KEPT: Final = {"Cache-Control": "no-store"}


class SignIn(BaseModel):
    """The key with which to sign in."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    key: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = Field(
        description="The whole text of a key."
    )


class SessionKeyView(BaseModel):
    """The key that is signed in with."""

    name: str
    prefix: str
    scopes: list[Scope]
    kind: KeyKind


class SessionView(BaseModel):
    """Whether keys are needed (`auth`), and who is signed in, until when."""

    auth: Literal["none", "keys"]
    is_signed_in: bool
    key: SessionKeyView | None
    expires_at: datetime | None


def session_routes(sessions: Sessions, door: Door | None) -> APIRouter:
    """Build the routes by which a page signs in and out; without a `door` no key is needed."""
    router = APIRouter(tags=["keys"], default_response_class=Response)
    _add_signing_in(router, sessions, door)

    @router.get(
        "/session",
        summary="Who is signed in",
        responses=answer(200, "Whether keys are needed, and who it is.", SessionView)
        | refusals(StoreUnavailable),
        openapi_extra=NEEDS_NO_KEY,
    )
    async def get_session(request: Request) -> Response:
        """Tells a page whether keys are needed, and what it may do."""
        return _session_answer(door, await door.caller_of(request.scope) if door else None)

    @router.delete(
        "/session",
        summary="Sign out",
        status_code=204,
        responses=answer(204, "Nobody is signed in now.") | refusals(StoreUnavailable),
        openapi_extra=NEEDS_NO_KEY,
    )
    async def end_session(request: Request) -> Response:
        """Ends the session, on all gateways. Doing so twice is fine."""
        caller = await door.caller_of(request.scope) if door else None
        if caller is not None and caller.session is not None:
            await sessions.end(caller.session)
        response = Response(status_code=204)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response

    return router


def _add_signing_in(router: APIRouter, sessions: Sessions, door: Door | None) -> None:
    @router.post(
        "/session",
        summary="Sign in",
        responses=answer(
            200,
            "Signed in; without GATEWAY_AUTH=keys there is nothing to sign in to.",
            SessionView,
            headers={"Set-Cookie": "The session, for 8 hours; no script can read it."},
        )
        | describe(UNAUTHENTICATED)
        | refusals(StoreUnavailable),
        openapi_extra=NEEDS_NO_KEY | json_body(SignIn, _EXAMPLE),
    )
    async def start_session(request: Request) -> Response:
        """Takes a key, and gives a cookie that stands for it for 8 hours. It ends with the key."""
        asked = parse_json_body(SignIn, await read_body(request))
        if door is None:
            return _session_answer(door, None)
        opened = await sessions.open(asked.key)
        if opened is None:
            log_request_as(request, "session.refused")
            raise ProblemError(UNAUTHENTICATED, headers=[("WWW-Authenticate", "Bearer")])
        caller, token = opened
        log_request_as(request, "session.started", key=caller.key.prefix)
        response = _session_answer(door, caller)
        response.set_cookie(
            COOKIE,
            token,
            max_age=int(SESSION_LASTS.total_seconds()),
            secure=_is_https(request),
            httponly=True,
            samesite="strict",
        )
        return response


def _is_https(request: Request) -> bool:
    """Tell whether the page came by HTTPS; TLS may end before us, but the browser knows."""
    origin = request.headers.get("origin", "")
    proxy = request.headers.get("x-forwarded-proto", "")
    return "https" in (request.url.scheme, proxy) or origin.startswith("https://")


def _session_answer(door: Door | None, caller: Principal | None) -> Response:
    key = caller and SessionKeyView(
        name=caller.key.name,
        prefix=caller.key.prefix,
        scopes=[scope for scope in Scope if scope in caller.key.scopes],
        kind=caller.key.kind,
    )
    session = caller.session if caller else None
    view = SessionView(
        auth="keys" if door else "none",
        is_signed_in=caller is not None,
        key=key,
        expires_at=session.expires_at if session else None,
    )
    return Response(view.model_dump_json(), media_type=JSON, headers=_NOT_KEPT)
