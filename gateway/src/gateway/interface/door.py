"""Who comes in: the key or the session of a request, and whether its scope is enough.

It is on the path of every request, so it is plain ASGI around a route, and reads the headers once.
"""

from typing import Final

from notification_contracts.http.scopes import Scope as KeyScope
from service_kit.http.problems import ProblemError
from service_kit.http.requests import log_also
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.application.known_keys import CALLER, KnownKeys, Principal
from gateway.application.ports import StoreUnavailable
from gateway.interface.problems import MISSING_SCOPE, UNAUTHENTICATED, UNPROVEN_CHANGE

COOKIE: Final = "asyncnotify_session"

_SCHEME: Final = b"bearer "
_COOKIE: Final = f"{COOKIE}=".encode()
_CHALLENGE: Final = "WWW-Authenticate"


class Door:
    """Lets a request through to a route if who asks may do what the route does."""

    def __init__(self, known: KnownKeys) -> None:
        self._known = known

    def guard(self, app: ASGIApp, needed: KeyScope) -> ASGIApp:
        """Put the door before a route; who came in is `state[CALLER]` behind it."""

        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            caller = await self.caller_of(scope)
            if caller is None:
                raise ProblemError(UNAUTHENTICATED, headers=[(_CHALLENGE, "Bearer")])
            if not caller.key.may(needed):
                raise ProblemError(
                    MISSING_SCOPE,
                    f"This needs the scope `{needed}`.",
                    headers=[(_CHALLENGE, f'Bearer error="insufficient_scope", scope="{needed}"')],
                )
            scope["state"][CALLER] = caller
            log_also(scope, key=caller.key.prefix)
            await app(scope, receive, send)

        return guarded

    async def caller_of(self, scope: Scope) -> Principal | None:
        """Find out who sent a request; None if nobody is known to have.

        A key counts before a session. A session may change something only in requests of which the
        browser says where they come from; whether that is a page of ours was looked at before.

        Raises:
            ProblemError: a session is not proven to be used by a page of ours.
            StoreUnavailable: it is not known, and the store cannot be asked.
        """
        key = cookie = None
        is_from_page = False
        for name, value in scope["headers"]:
            if name == b"authorization":
                # Two of them would be read in one way here, and in another by whom is in between.
                key = value if key is None else b""
            elif name == b"cookie":
                cookie = value
            elif name in (b"origin", b"sec-fetch-site"):
                is_from_page = True
        if key is not None:
            return await self._with_key(key)
        token = _session_in(cookie) if cookie else None
        caller = await self._known.caller_in_session(token) if token else None
        if caller is not None and scope["method"] != "GET" and not is_from_page:
            raise ProblemError(UNPROVEN_CHANGE)
        return caller

    def known_with(self, authorization: bytes) -> Principal | None:
        """Tell who is known to send this header; None also if the store has to be asked."""
        text = _key_in(authorization)
        try:
            return None if text is None else self._known.known_with_key(text)
        except StoreUnavailable:
            return None

    async def _with_key(self, authorization: bytes) -> Principal | None:
        text = _key_in(authorization)
        if text is None:
            return None
        return self._known.known_with_key(text) or await self._known.caller_with_key(text)


def _key_in(authorization: bytes) -> str | None:
    if authorization[:7].lower() != _SCHEME:
        return None
    return authorization[7:].decode("latin-1").strip()


def _session_in(cookies: bytes) -> str | None:
    for each in cookies.split(b";"):
        pair = each.strip()
        if pair.startswith(_COOKIE):
            return pair[len(_COOKIE) :].decode("latin-1")
    return None
