"""How this system identifies itself to push services (RFC 8292), and who believes it."""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

# RFC 8292, section 2: no more than 24 hours; and clocks differ.
_LIFETIME: Final = timedelta(hours=12)
_RENEWED_BEFORE: Final = timedelta(hours=1)
# Strangers choose the origins: they shall not fill the memory.
_MAX_ORIGINS: Final = 256
# So many subscriptions in a row that a service refuses are no stray ones.
_REFUSALS: Final = 3


def base64url(data: bytes) -> str:
    """Encode as push services do: without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def read_private_key(text: str) -> ec.EllipticCurvePrivateKey:
    """Read a key of the curve P-256: PEM, or its 32 bytes in base64url as `web-push` writes them.

    Raises:
        ValueError: it is no such key.
    """
    text = text.strip()
    if text.startswith("-----BEGIN"):
        key = serialization.load_pem_private_key(text.encode(), password=None)
    else:
        try:
            number = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except binascii.Error as error:
            raise ValueError("it is neither PEM nor base64url") from error
        if len(number) != 32:
            raise ValueError("it has not 32 bytes")
        key = ec.derive_private_key(int.from_bytes(number), ec.SECP256R1())
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise ValueError("it is no key of the curve P-256")
    return key


def public_key(key: ec.EllipticCurvePrivateKey) -> str:
    """Return what a page gives to `pushManager.subscribe` as its `applicationServerKey`."""
    return base64url(
        key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
    )


@dataclass(slots=True, kw_only=True)
class Vapid:
    """Signs for one origin at a time, and keeps each token until it is near its end."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    subject: str
    _tokens: dict[str, tuple[str, datetime]] = field(default_factory=dict, init=False, repr=False)

    def authorization(self, origin: str, now: datetime) -> str:
        """Return the `Authorization` header for a push service."""
        token, expires_at = self._tokens.get(origin, ("", now))
        if expires_at - now <= _RENEWED_BEFORE or expires_at - now > _LIFETIME:
            token = self._signed(origin, now + _LIFETIME)
        return f"vapid t={token}, k={public_key(self.key)}"

    def _signed(self, origin: str, expires_at: datetime) -> str:
        claims = {"aud": origin, "exp": int(expires_at.timestamp()), "sub": self.subject}
        token = jwt.encode(claims, self.key, algorithm="ES256")
        if len(self._tokens) >= _MAX_ORIGINS:
            self._tokens.clear()
        self._tokens[origin] = token, expires_at
        return token


@dataclass(slots=True, kw_only=True)
class Standing:
    """Tells whether a refusal is about this system, or about one subscription.

    Both are a 401 or a 403: the key may be wrong, and a subscription may have been made for
    another key. Only services in `trusted` can tell of this system: anyone can make an endpoint
    that refuses all. One that has taken messages under this key is believed when it refuses
    several subscriptions in a row.
    """

    trusted: Sequence[str]
    _refused: dict[str, set[bytes]] = field(default_factory=dict, init=False, repr=False)

    def is_trusted(self, host: str) -> bool:
        """Tell whether this is a push service that the operator or this product names."""
        return any(
            host == name or (name.startswith("*.") and host.endswith(name[1:]))
            for name in self.trusted
        )

    def accepted(self, host: str) -> None:
        """Remember that a service has taken a message."""
        if self.is_trusted(host):
            self._refused[host] = set()

    def is_refused_itself(self, host: str, endpoint: str) -> bool:
        """Remember a refusal; tell whether this system is meant."""
        if not self.is_trusted(host):
            return False
        if host not in self._refused:
            return True
        refused = self._refused[host]
        if len(refused) < _REFUSALS:
            refused.add(sha256(endpoint.encode()).digest())
        return len(refused) >= _REFUSALS
