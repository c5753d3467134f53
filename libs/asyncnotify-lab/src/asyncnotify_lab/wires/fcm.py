"""Firebase Cloud Messaging, HTTP v1, and the endpoint of its access tokens.

An access token is given for every assertion of the right form, whoever signed it; one that was
given before a restart is refused.

Sources: https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send,
https://firebase.google.com/docs/cloud-messaging/error-codes,
https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

import re
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

import jwt

from asyncnotify_lab.http import Answer, HttpWire, Request, Route
from asyncnotify_lab.messages import Arrival
from asyncnotify_lab.state import LabState

_SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME_S: Final = 3600
_MAX_PAYLOAD: Final = 4096
_TTL: Final = re.compile(r"\d{1,7}(\.\d{1,9})?s")
_FCM_ERROR: Final = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
_BAD_REQUEST: Final = "type.googleapis.com/google.rpc.BadRequest"


def _error(status: int, canonical: str, message: str, code: str | None = None) -> Answer:
    error: dict[str, Any] = {"code": status, "message": message, "status": canonical}
    if code is not None:
        error["details"] = [{"@type": _FCM_ERROR, "errorCode": code}]
    return Answer(status=status, body={"error": error})


def _bad_field(name: str, message: str) -> Answer:
    violation = {"field": name, "description": message}
    details = [
        {"@type": _FCM_ERROR, "errorCode": "INVALID_ARGUMENT"},
        {"@type": _BAD_REQUEST, "fieldViolations": [violation]},
    ]
    error = {"code": 400, "message": message, "status": "INVALID_ARGUMENT", "details": details}
    return Answer(status=400, body={"error": error})


class FcmWire(HttpWire):
    """Takes messages for any project and any token."""

    name = "fcm"
    kind = "push"
    named: ClassVar[Mapping[str, Answer]] = {
        "gone": _error(404, "NOT_FOUND", "Requested entity was not found.", "UNREGISTERED"),
        "other_sender": _error(403, "PERMISSION_DENIED", "SenderId mismatch", "SENDER_ID_MISMATCH"),
        "throttled": _error(
            429, "RESOURCE_EXHAUSTED", "Quota exceeded for this device.", "QUOTA_EXCEEDED"
        ),
        "unauthorized": _error(
            401, "UNAUTHENTICATED", "Request had invalid authentication credentials."
        ),
        "unavailable": _error(
            503, "UNAVAILABLE", "The service is currently unavailable.", "UNAVAILABLE"
        ),
    }

    def __init__(self, state: LabState) -> None:
        super().__init__(state)
        self._tokens: set[str] = set()

    def routes(self) -> Sequence[Route]:
        """Give tokens, and send."""
        return [
            Route("POST", "/fcm/token", self.token),
            Route("POST", "/v1/projects/{project}/messages:send", self.send),
        ]

    async def token(self, request: Request) -> Answer:
        """Give an access token for a service account's assertion."""
        form = request.form()
        if form.get("grant_type") != _GRANT:
            return _no_grant("unsupported_grant_type", "Invalid grant_type")
        if problem := _why_no_grant(form.get("assertion", ""), request.url):
            return _no_grant("invalid_grant", problem)
        token = f"lab.{secrets.token_urlsafe(24)}"
        self._tokens.add(token)
        answer = {"access_token": token, "expires_in": _LIFETIME_S - 1, "token_type": "Bearer"}
        return Answer(body=answer)

    async def send(self, request: Request) -> Answer:
        """Take a message over."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme != "Bearer" or token not in self._tokens:
            return self.named["unauthorized"]
        asked = request.json()
        message = asked.get("message") if isinstance(asked, dict) else None
        if not isinstance(message, dict):
            return _bad_field("message", "Recipient of the message is not set.")
        if problem := _invalid(message):
            return problem
        project = request.params["project"]
        if asked.get("validate_only"):
            return Answer(body={"name": f"projects/{project}/messages/fake_message_id"})
        return await self._take(project, message, request.body)

    async def _take(self, project: str, message: Mapping[str, Any], raw: bytes) -> Answer:
        notification = message.get("notification") or {}
        name = f"projects/{project}/messages/0:{time.time_ns()}%{secrets.token_hex(8)}"
        taken = Arrival(
            id=name,
            wire=self.name,
            kind=self.kind,
            to=message["token"],
            subject=notification.get("title"),
            text=notification.get("body"),
            data=message,
            raw=raw,
        )
        return await self.take(taken) or Answer(body={"name": name})


def _no_grant(error: str, description: str) -> Answer:
    return Answer(status=400, body={"error": error, "error_description": description})


def _why_no_grant(assertion: str, url: str) -> str | None:
    try:
        claims = jwt.decode(
            assertion,
            algorithms=["RS256"],
            audience=url,
            options={
                "verify_signature": False,
                "verify_aud": True,
                "verify_exp": True,
                "require": ["iss", "scope", "aud", "iat", "exp"],
            },
        )
    except jwt.InvalidTokenError as error:
        return f"Invalid JWT: {error}"
    if claims["exp"] - claims["iat"] > _LIFETIME_S:
        return "Invalid JWT: Token must be a short-lived token (60 minutes)"
    return None if claims["scope"] == _SCOPE else "Invalid OAuth scope"


def _invalid(message: Mapping[str, Any]) -> Answer | None:
    if not (isinstance(message.get("token"), str) or isinstance(message.get("topic"), str)):
        return _bad_field("message", "Recipient of the message is not set.")
    data = message.get("data", {})
    for name, value in data.items():
        if not isinstance(value, str):
            return _bad_field(f"message.data[{name}].value", "Invalid value (TYPE_STRING)")
        if name == "from" or name.startswith(("google", "gcm")):
            return _bad_field(f"message.data[{name}]", "Invalid data key")
    ttl = (message.get("android") or {}).get("ttl")
    if ttl is not None and not _TTL.fullmatch(ttl):
        return _bad_field("message.android.ttl", "Invalid TTL")
    content = {**data, **(message.get("notification") or {})}
    size = sum(len(name.encode()) + len(str(value).encode()) for name, value in content.items())
    if size > _MAX_PAYLOAD:
        return _error(400, "INVALID_ARGUMENT", "Android message is too big", "INVALID_ARGUMENT")
    return None
