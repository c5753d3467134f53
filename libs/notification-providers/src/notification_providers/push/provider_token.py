"""The token by which APNs knows a provider.

Source: https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

# One that is older than an hour is refused, and so is another one within 20 minutes.
_RENEWED_AFTER: Final = timedelta(minutes=50)
_SHORTEST_LIFE: Final = timedelta(minutes=20)


@dataclass(slots=True, kw_only=True)
class ProviderToken:
    """Signs one, and keeps it for almost as long as it lasts."""

    key: ec.EllipticCurvePrivateKey = field(repr=False)
    key_id: str
    team_id: str
    _token: str = field(default="", init=False, repr=False)
    _signed_at: datetime | None = field(default=None, init=False)

    def current(self, now: datetime) -> str:
        """Return the token of now."""
        if self._signed_at is None or not timedelta(0) <= now - self._signed_at < _RENEWED_AFTER:
            self._sign(now)
        return self._token

    def renewed(self, refused: str, now: datetime) -> str | None:
        """Return another one than was refused; None if it is too early for that."""
        if self._token == refused:
            if self._signed_at is not None and now - self._signed_at < _SHORTEST_LIFE:
                return None
            self._sign(now)
        return self._token

    def _sign(self, now: datetime) -> None:
        claims = {"iss": self.team_id, "iat": int(now.timestamp())}
        self._token = jwt.encode(claims, self.key, algorithm="ES256", headers={"kid": self.key_id})
        self._signed_at = now
