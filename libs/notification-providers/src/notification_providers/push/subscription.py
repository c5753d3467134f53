"""A Web Push subscription: where to post, and how to encrypt so that only the browser can read.

Sources: RFC 8291 (message encryption for Web Push), RFC 8188 (aes128gcm).
"""

import base64
import binascii
import json
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Final
from urllib.parse import SplitResult, urlsplit

import http_ece  # type: ignore[import-untyped]
from cryptography.hazmat.primitives.asymmetric import ec

from notification_providers.guard import AddressGuard

_POINT_BYTES: Final = 65
_AUTH_BYTES: Final = 16

# RFC 8030, section 7.2: a service must take 4,096 bytes. Of these, salt, record size, the length of
# the key and the key itself take 86, padding delimiter and tag 17.
MAX_BODY_BYTES: Final = 4096
MAX_PLAINTEXT_BYTES: Final = MAX_BODY_BYTES - 86 - 17


class InvalidSubscription(ValueError):
    """Raised when an address is no subscription. It quotes nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What the browser gave. `origin` is `https://host[:port]`."""

    endpoint: str = field(repr=False)
    origin: str
    host: str
    p256dh: bytes = field(repr=False)
    auth: bytes = field(repr=False)

    def encrypt(
        self,
        text: bytes,
        *,
        key: ec.EllipticCurvePrivateKey | None = None,
        salt: bytes | None = None,
    ) -> bytes:
        """Encrypt a message with a key and a salt that are used once: new ones, if not given."""
        encrypted: bytes = http_ece.encrypt(
            text,
            salt=salt,
            private_key=key or ec.generate_private_key(ec.SECP256R1()),
            dh=self.p256dh,
            auth_secret=self.auth,
            version="aes128gcm",
        )
        return encrypted


def read_subscription(text: str, guard: AddressGuard) -> Subscription:
    """Read a subscription as `JSON.stringify(subscription)` writes it.

    Raises:
        InvalidSubscription: it is none. http:// is one only for an address that the guard allows
            expressly.
    """
    try:
        given = json.loads(text)
        endpoint, keys = given["endpoint"], given["keys"]
        p256dh, auth = _bytes(keys["p256dh"]), _bytes(keys["auth"])
        parts = urlsplit(endpoint)
        port = parts.port
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), p256dh)
    except (ValueError, LookupError, TypeError, AttributeError, binascii.Error) as error:
        raise InvalidSubscription(
            "it is no Web Push subscription with endpoint and keys"
        ) from error
    if len(p256dh) != _POINT_BYTES or len(auth) != _AUTH_BYTES:
        raise InvalidSubscription("its keys are not of the size that RFC 8291 asks for")
    if not parts.hostname or not _may_be_posted_to(parts, guard):
        raise InvalidSubscription("its endpoint is no https:// URL")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    origin = f"{parts.scheme}://{host}" + (f":{port}" if port else "")
    return Subscription(
        endpoint=endpoint, origin=origin, host=parts.hostname, p256dh=p256dh, auth=auth
    )


def _bytes(text: str) -> bytes:
    unpadded = text.rstrip("=")
    return base64.b64decode(unpadded + "=" * (-len(unpadded) % 4), altchars=b"-_", validate=True)


def _may_be_posted_to(parts: SplitResult, guard: AddressGuard) -> bool:
    if parts.scheme == "https":
        return True
    try:
        address = ip_address(parts.hostname or "")
    except ValueError:
        return False
    return parts.scheme == "http" and any(address in network for network in guard.allowed)
