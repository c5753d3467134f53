"""A push service of Web Push, and the browsers that use it: what arrives is decrypted.

Every name is a browser: `GET /lab/webpush/{name}` gives its subscription, always the same.

Sources: RFC 8030 (the request), RFC 8291 (encryption), RFC 8292 (who sends it).
"""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, ClassVar, Final
from urllib.parse import quote, urlsplit

import http_ece  # type: ignore[import-untyped]
import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from asyncnotify_lab.http import Answer, HttpWire, Request, Route
from asyncnotify_lab.messages import Arrival

_MAX_BODY: Final = 4096
_MAX_TOPIC: Final = 32
_LONGEST_TOKEN: Final = timedelta(hours=24)


def subscription(origin: str, name: str) -> dict[str, Any]:
    """Return the subscription of a browser at the lab that listens there."""
    key, auth = _keys(name)
    point = key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )
    return {
        "endpoint": f"{origin}/webpush/{quote(name, safe='')}",
        "expirationTime": None,
        "keys": {"p256dh": _base64url(point), "auth": _base64url(auth)},
    }


class WebPushWire(HttpWire):
    """Takes messages that are encrypted for a browser and signed by whom they come from."""

    name = "webpush"
    kind = "push"
    named: ClassVar[Mapping[str, Answer]] = {
        "gone": Answer(status=410, body="push subscription has unsubscribed or expired.\n"),
        "throttled": Answer(status=429, body="too many requests\n"),
        "unauthorized": Answer(status=403, body="invalid JWT provided\n"),
        "unavailable": Answer(status=503, body="try again later\n"),
    }

    def routes(self) -> Sequence[Route]:
        """Push, and tell a browser's subscription."""
        return [
            Route("POST", "/webpush/{name}", self.push),
            Route("GET", "/lab/webpush/{name}", self.subscribe),
        ]

    async def subscribe(self, request: Request) -> Answer:
        """Return a browser's subscription, as `JSON.stringify` would write it."""
        return Answer(body=subscription(_origin(request), request.params["name"]))

    async def push(self, request: Request) -> Answer:
        """Take a message over."""
        if refused := _refused(request):
            return refused
        content = _decrypted(request.params["name"], request.body)
        shown = content if isinstance(content, dict) else {}
        message = Arrival(
            wire=self.name,
            kind=self.kind,
            to=request.params["name"],
            subject=_text(shown.get("title")),
            text=_text(shown.get("body")),
            headers={
                name: request.headers[name]
                for name in ("ttl", "topic", "urgency")
                if name in request.headers
            },
            data=shown if content is not None else {"error": "it can't be decrypted"},
            raw=request.body,
        )
        location = f"{_origin(request)}/webpush-messages/{message.id}"
        return await self.take(message) or Answer(status=201, headers={"location": location})


def _origin(request: Request) -> str:
    parts = urlsplit(request.url)
    return f"{parts.scheme}://{parts.netloc}"


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _keys(name: str) -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    digest = sha256(f"asyncnotify-lab:{name}".encode()).digest()
    # Below the order of the curve, which begins with FFFFFFFF00000000.
    number = int.from_bytes(b"\x7f" + digest[1:])
    return ec.derive_private_key(number, ec.SECP256R1()), sha256(digest).digest()[:16]


def _decrypted(name: str, body: bytes) -> Any:  # noqa: ANN401 - whatever JSON holds
    key, auth = _keys(name)
    try:
        return json.loads(http_ece.decrypt(body, private_key=key, auth_secret=auth))
    except (ValueError, InvalidTag, http_ece.ECEException, IndexError):
        return None


def _refused(request: Request) -> Answer | None:
    ttl, topic = request.headers.get("ttl", ""), request.headers.get("topic", "")
    if not ttl.isdecimal():
        return Answer(status=400, body="TTL is required\n")
    if len(topic) > _MAX_TOPIC:
        return Answer(status=400, body="the topic is too long\n")
    if request.headers.get("content-encoding") != "aes128gcm":
        return Answer(status=415, body="aes128gcm is required\n")
    if len(request.body) > _MAX_BODY:
        return Answer(status=413, body="the payload is too large\n")
    if "authorization" not in request.headers:
        return Answer(status=401, body="VAPID is required\n")
    problem = _why_unknown(request.headers["authorization"], _origin(request))
    return Answer(status=403, body=f"{problem}\n") if problem else None


def _why_unknown(authorization: str, origin: str) -> str | None:
    """Check `vapid t=…, k=…`."""
    scheme, _, rest = authorization.partition(" ")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    try:
        point = base64.urlsafe_b64decode(parts["k"] + "=" * (-len(parts["k"]) % 4))
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        claims = jwt.decode(
            parts["t"],
            key,
            algorithms=["ES256"],
            audience=origin,
            options={"require": ["aud", "exp", "sub"]},
        )
    except (LookupError, ValueError, jwt.InvalidTokenError) as error:
        return f"invalid JWT provided: {type(error).__name__}"
    if scheme.lower() != "vapid":
        return "the scheme must be vapid"
    if datetime.fromtimestamp(claims["exp"], UTC) > datetime.now(UTC) + _LONGEST_TOKEN:
        return "exp is more than 24 hours ahead"
    return None
