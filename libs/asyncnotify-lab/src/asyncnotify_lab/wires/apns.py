"""The Apple Push Notification service, over HTTP/2.

A provider token of the right form and age is good, whoever signed it.

Sources: https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns,
https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
"""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Final
from uuid import UUID, uuid4

import jwt

from asyncnotify_lab.faults import WireFault
from asyncnotify_lab.http import Answer, HttpWire, Request, Route
from asyncnotify_lab.messages import Arrival

_DEVICE: Final = re.compile(r"(?:[0-9A-Fa-f]{2}){32,100}")
_NO_DEVICE: Final = "0" * 64
_MAX_PAYLOAD: Final = 4096
_MAX_COLLAPSE_ID: Final = 64
_TOKEN_LIFETIME_S: Final = 3600
_TYPES: Final = frozenset({"alert", "background"})
_PRIORITIES: Final = frozenset({"1", "5", "10"})


def _refusal(status: int, reason: str) -> Answer:
    return Answer(status=status, body={"reason": reason})


class ApnsWire(HttpWire):
    """Takes messages for any device and any topic."""

    name = "apns"
    kind = "push"
    named: ClassVar[Mapping[str, Answer]] = {
        "gone": _refusal(410, "Unregistered"),
        "bad_token": _refusal(400, "BadDeviceToken"),
        "throttled": _refusal(429, "TooManyRequests"),
        "unauthorized": _refusal(403, "InvalidProviderToken"),
        "expired": _refusal(403, "ExpiredProviderToken"),
        "unavailable": _refusal(503, "ServiceUnavailable"),
    }

    def routes(self) -> Sequence[Route]:
        """Send."""
        return [Route("POST", "/3/device/{device}", self.send)]

    async def send(self, request: Request) -> Answer:
        """Take a message over."""
        apns_id = request.headers.get("apns-id") or str(uuid4()).upper()
        answer = _refused(request) or await self._take(request, apns_id)
        return replace(answer, headers={**answer.headers, "apns-id": apns_id})

    def answer_to(self, fault: WireFault) -> Answer:
        """Say since when a device is gone: since now."""
        answer = super().answer_to(fault)
        if fault.answer != "gone" or fault.body is not None:
            return answer
        return replace(answer, body={**answer.body, "timestamp": time.time_ns() // 1_000_000})

    async def _take(self, request: Request, apns_id: str) -> Answer:
        content = request.json()
        alert = content["aps"].get("alert")
        shown = alert if isinstance(alert, dict) else {"body": alert}
        message = Arrival(
            id=apns_id,
            wire=self.name,
            kind=self.kind,
            to=request.params["device"],
            subject=shown.get("title"),
            text=shown.get("body"),
            headers={
                name: value for name, value in request.headers.items() if name.startswith("apns-")
            },
            data=content,
            raw=request.body,
        )
        return await self.take(message) or Answer()


def _refused(request: Request) -> Answer | None:
    if request.version != "2":
        return Answer(status=505, body="APNs speaks HTTP/2 alone\n")
    if reason := _why_unknown(request.headers.get("authorization", "")):
        return _refusal(403, reason)
    if reason := _why_bad_headers(request.headers):
        return _refusal(400, reason)
    device = request.params["device"]
    if not _DEVICE.fullmatch(device) or device == _NO_DEVICE:
        return _refusal(400, "BadDeviceToken")
    if len(request.body) > _MAX_PAYLOAD:
        return _refusal(413, "PayloadTooLarge")
    content = request.json()
    is_payload = isinstance(content, dict) and isinstance(content.get("aps"), dict)
    return None if is_payload else _refusal(400, "PayloadEmpty")


def _why_unknown(authorization: str) -> str | None:
    scheme, _, token = authorization.partition(" ")
    if scheme.lower() != "bearer" or not token:
        return "MissingProviderToken"
    try:
        header = jwt.get_unverified_header(token)
        claims: Mapping[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.InvalidTokenError:
        return "InvalidProviderToken"
    if header.get("alg") != "ES256" or not header.get("kid") or not claims.get("iss"):
        return "InvalidProviderToken"
    age = time.time() - claims.get("iat", 0)
    return "ExpiredProviderToken" if age > _TOKEN_LIFETIME_S else None


def _why_bad_headers(headers: Mapping[str, str]) -> str | None:
    is_bad = {
        "MissingTopic": not headers.get("apns-topic"),
        "InvalidPushType": headers.get("apns-push-type") not in _TYPES,
        "BadPriority": headers.get("apns-priority", "10") not in _PRIORITIES,
        "BadExpirationDate": not headers.get("apns-expiration", "0").isdecimal(),
        "BadCollapseId": len(headers.get("apns-collapse-id", "")) > _MAX_COLLAPSE_ID,
        "BadMessageId": "apns-id" in headers and not _is_uuid(headers["apns-id"]),
    }
    return next((reason for reason, is_true in is_bad.items() if is_true), None)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
