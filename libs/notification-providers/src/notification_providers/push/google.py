"""Access tokens of a Google service account, fetched without Google's libraries.

Source: https://developers.google.com/identity/protocols/oauth2/service-account#httprest
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from notification_contracts.states import Reason

from notification_providers.http import HttpAnswer, HttpCaller
from notification_providers.port import Misconfigured, TransientFailure
from notification_providers.push.words import quotable

_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME: Final = timedelta(hours=1)
_RENEWED_BEFORE: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceAccount:
    """What the JSON file of a service account says."""

    project_id: str
    client_email: str
    key_id: str | None
    token_uri: str
    key: rsa.RSAPrivateKey = field(repr=False)

    @classmethod
    def read(cls, text: str) -> "ServiceAccount":
        """Read the file's text.

        Raises:
            ValueError: it is no such file. It quotes nothing of it.
        """
        try:
            given = json.loads(text)
            return cls(
                project_id=str(given["project_id"]),
                client_email=str(given["client_email"]),
                key_id=given.get("private_key_id"),
                token_uri=str(given["token_uri"]),
                key=_key_of(given),
            )
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise ValueError("it is no service account's key in JSON") from error

    def assertion(self, scope: str, now: datetime) -> str:
        """Return what is given for an access token: a JWT of an hour."""
        claims = {
            "iss": self.client_email,
            "scope": scope,
            "aud": self.token_uri,
            "iat": int(now.timestamp()),
            "exp": int((now + _LIFETIME).timestamp()),
        }
        headers = {"kid": self.key_id} if self.key_id else None
        return jwt.encode(claims, self.key, algorithm="RS256", headers=headers)


def _key_of(given: Mapping[str, Any]) -> rsa.RSAPrivateKey:
    key = serialization.load_pem_private_key(given["private_key"].encode(), password=None)
    if given["type"] != "service_account" or not isinstance(key, rsa.RSAPrivateKey):
        raise TypeError("it is of another type")
    return key


@dataclass(slots=True, kw_only=True)
class AccessTokens:
    """Keeps a token until it is near its end. All who need another one wait for one call."""

    account: ServiceAccount
    scope: str
    http: HttpCaller
    now: Callable[[], datetime]
    _token: str | None = field(default=None, init=False, repr=False)
    _expires_at: datetime | None = field(default=None, init=False)
    _failure: TransientFailure | Misconfigured | None = field(default=None, init=False)
    _calls: int = field(default=0, init=False)
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False, repr=False)

    async def get(self, *, refused: str | None = None) -> str | TransientFailure | Misconfigured:
        """Return a token: never the one that was `refused`."""
        if (token := self._kept(refused)) is not None:
            return token
        calls = self._calls
        async with self._lock:
            if (token := self._kept(refused)) is not None:
                return token
            if self._calls == calls or self._failure is None:
                self._failure = await self._fetch()
                self._calls += 1
            return self._failure or self._token or _no_token("it holds none")

    def _kept(self, refused: str | None) -> str | None:
        if self._token is None or self._expires_at is None or self._token == refused:
            return None
        left = self._expires_at - self.now()
        return self._token if _RENEWED_BEFORE < left <= _LIFETIME else None

    async def _fetch(self) -> TransientFailure | Misconfigured | None:
        """Fetch a token and keep it. Nothing of a message has been sent when that fails."""
        asked_at = self.now()
        form = {"grant_type": _GRANT, "assertion": self.account.assertion(self.scope, asked_at)}
        answer = await self.http.call(
            "POST",
            self.account.token_uri,
            headers={"content-type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode(),
        )
        if not isinstance(answer, HttpAnswer):
            return TransientFailure(
                reason=Reason.PROVIDER_UNAVAILABLE, detail=f"no access token: {answer.detail}"
            )
        said = answer.json()
        said = said if isinstance(said, dict) else {}
        token, seconds = said.get("access_token"), said.get("expires_in")
        if answer.is_success and isinstance(token, str) and isinstance(seconds, int):
            self._token = token
            self._expires_at = asked_at + min(timedelta(seconds=seconds), _LIFETIME)
            return None
        return _refusal(answer, said, asked_at)


def _refusal(
    answer: HttpAnswer, said: dict[str, object], now: datetime
) -> TransientFailure | Misconfigured:
    if answer.is_success:
        return _no_token("the answer holds none")
    words = ": ".join(str(said[name]) for name in ("error", "error_description") if name in said)
    detail = quotable(f"no access token: {answer.status} {words}")
    if answer.status == 429 or answer.status >= 500:
        return TransientFailure(
            reason=Reason.PROVIDER_UNAVAILABLE, detail=detail, retry_after=answer.retry_after(now)
        )
    return Misconfigured(detail=detail)


def _no_token(why: str) -> Misconfigured:
    return Misconfigured(detail=f"no access token: {why}")
