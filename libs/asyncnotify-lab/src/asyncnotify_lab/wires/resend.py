"""Resend's HTTP API of e-mail, with its idempotency keys.

Sources: https://resend.com/docs/api-reference/emails/send-email,
https://resend.com/docs/api-reference/errors,
https://resend.com/docs/dashboard/emails/idempotency-keys
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from asyncnotify_lab.http import Answer, HttpWire, Request, Route
from asyncnotify_lab.messages import Arrival
from asyncnotify_lab.state import LabState

MAX_KEY: Final = 256
_OTHER_BODY: Final = (
    "invalid_idempotent_request",
    "Same idempotency key used with a different request payload.",
)
_UNDER_WAY: Final = (
    "concurrent_idempotent_requests",
    "Same idempotency key used while original request is still in progress.",
)


def _error(status: int, name: str, message: str) -> Answer:
    return Answer(status=status, body={"statusCode": status, "name": name, "message": message})


class ResendWire(HttpWire):
    """Any API key that begins with `re_` is good."""

    name = "resend"
    kind = "email"
    named: ClassVar[Mapping[str, Answer]] = {
        "gone": _error(422, "validation_error", "Invalid `to` field."),
        "throttled": _error(429, "rate_limit_exceeded", "Too many requests."),
        "unauthorized": _error(403, "invalid_api_key", "API key is invalid"),
        "unavailable": _error(500, "application_error", "An unexpected error occurred."),
    }

    def __init__(self, state: LabState) -> None:
        super().__init__(state)
        self._under_way: set[str] = set()
        self._taken: dict[str, Arrival] = {}
        for message in state.messages.find(wire=self.name):
            self._remember(message)

    def routes(self) -> Sequence[Route]:
        """Send, and ask for what was sent."""
        return [
            Route("POST", "/emails", self.send),
            Route("GET", "/emails/{id}", self.find),
            Route("GET", "/domains", self.domains),
        ]

    async def send(self, request: Request) -> Answer:
        """Take an e-mail over, once for each key."""
        mail = request.json()
        if refused := self._refused(request) or _invalid(mail):
            return refused
        key = request.headers.get("idempotency-key")
        if key is None:
            return await self._take(mail, request.body, None)
        if not 1 <= len(key) <= MAX_KEY:
            return _error(400, "invalid_idempotency_key", "The key must be 1 to 256 characters.")
        if known := self._taken.get(key):
            digest = hashlib.sha256(request.body).hexdigest()
            is_same = known.data["body_sha256"] == digest
            return _taken(known) if is_same else _error(409, *_OTHER_BODY)
        if key in self._under_way:
            return _error(409, *_UNDER_WAY)
        self._under_way.add(key)
        try:
            return await self._take(mail, request.body, key)
        finally:
            self._under_way.discard(key)

    async def find(self, request: Request) -> Answer:
        """Say what became of an e-mail."""
        if refused := self._refused(request):
            return refused
        message = self._state.messages.get(request.params["id"])
        if message is None or message.wire != self.name:
            return _error(404, "not_found", "Email not found")
        return Answer(
            body={
                "object": "email",
                "id": message.id,
                "to": [message.to],
                "from": message.sender,
                "subject": message.subject,
                "created_at": message.at.isoformat(),
                "last_event": "delivered",
            }
        )

    async def domains(self, request: Request) -> Answer:
        """List the domains: what an API key can be tried with."""
        return self._refused(request) or Answer(body={"object": "list", "data": []})

    def _refused(self, request: Request) -> Answer | None:
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        if kind.lower() != "bearer" or not key:
            return _error(401, "missing_api_key", "Missing API key in the authorization header.")
        return None if key.startswith("re_") else self.named["unauthorized"]

    async def _take(self, mail: Mapping[str, Any], body: bytes, key: str | None) -> Answer:
        to = mail["to"]
        message = Arrival(
            wire=self.name,
            kind=self.kind,
            to=to if isinstance(to, str) else to[0],
            sender=mail["from"],
            subject=mail["subject"],
            text=mail.get("text"),
            html=mail.get("html"),
            headers=mail.get("headers") or {},
            data={"idempotency_key": key, "body_sha256": hashlib.sha256(body).hexdigest()},
            raw=body,
        )
        return await self.take(message, lambda: self._taken_over(message)) or _taken(message)

    async def _taken_over(self, message: Arrival) -> None:
        self._remember(message)

    def _remember(self, message: Arrival) -> None:
        if key := message.data["idempotency_key"]:
            self._taken[key] = message


def _taken(message: Arrival) -> Answer:
    return Answer(body={"id": message.id})


def _invalid(mail: Any) -> Answer | None:  # noqa: ANN401 - whatever was posted
    problem = _why_invalid(mail)
    return _error(422, "validation_error", problem) if problem else None


def _why_invalid(mail: Any) -> str | None:  # noqa: ANN401
    if not isinstance(mail, dict):
        return "The body must be a JSON object."
    missing = [name for name in ("from", "to", "subject") if not mail.get(name)]
    if missing:
        return f"Missing `{missing[0]}` field."
    to = mail["to"]
    if not (isinstance(to, str) or (isinstance(to, list) and all(isinstance(x, str) for x in to))):
        return "Invalid `to` field."
    return None if mail.get("text") or mail.get("html") else "Missing `html` or `text` field."
