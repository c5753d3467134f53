"""`fcm://?credentials=FILE`: Firebase Cloud Messaging, HTTP v1.

Sources: https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages,
https://firebase.google.com/docs/cloud-messaging/error-codes
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic_core import to_json

from notification_providers.http import HttpAnswer, HttpCaller, HttpFailure
from notification_providers.options import checked_url
from notification_providers.port import (
    Accepted,
    CheckResult,
    Misconfigured,
    OutgoingMessage,
    ProviderAnswer,
    Repeating,
)
from notification_providers.push.fcm_errors import is_access_token_refused, read_error
from notification_providers.push.google import AccessTokens, ServiceAccount
from notification_providers.push.keys import read_file_option
from notification_providers.push.limits import longest_wait, time_to_live, too_long
from notification_providers.push.tokens import PushService, bare_token, service_of
from notification_providers.urls import InvalidProviderUrl, ProviderContext, ProviderUrl

_URL: Final = "https://fcm.googleapis.com"
_SCOPE: Final = "https://www.googleapis.com/auth/firebase.messaging"
_OPTIONS: Final = frozenset({"credentials", "url", "token_uri", "ttl_seconds", "ca"})
# https://firebase.google.com/docs/cloud-messaging/error-codes, "Message too big"
MAX_PAYLOAD_BYTES: Final = 4096


@dataclass(slots=True, kw_only=True)
class FcmProvider:
    """Posts to the project of a service account."""

    url: str
    tokens: AccessTokens
    http: HttpCaller
    longest: timedelta
    now: Callable[[], datetime]
    name: str = "fcm"
    repeating: Repeating = Repeating.IDEMPOTENT
    _has_accepted: bool = field(default=False, init=False)

    def takes(self, address: str) -> bool:
        """Tell whether this is a token of FCM, as far as can be seen."""
        return service_of(address) is PushService.FCM

    async def send(self, message: OutgoingMessage) -> ProviderAnswer:
        """Hand it over. Android and iOS show a repetition in the place of the first one."""
        content, token = _content(message), bare_token(message.address)
        if (size := _payload_bytes(content)) > MAX_PAYLOAD_BYTES:
            return too_long("the payload", size, MAX_PAYLOAD_BYTES)
        now = self.now()
        ttl = int(time_to_live(message, self.longest, now).total_seconds())
        body = {"token": token, **content, **_platforms(message.collapse_key, ttl, now)}
        answer = await self._call({"message": body})
        if not isinstance(answer, HttpAnswer):
            return answer
        if answer.is_success:
            self._has_accepted = True
            return Accepted(message_id=_name(answer))
        return read_error(answer, token=token, is_proven=self._has_accepted, now=self.now())

    async def check(self) -> CheckResult:
        """Fetch a token, and have FCM check a message that it is told not to send."""
        message = {"topic": "asyncnotify-check", "notification": {"body": "check"}}
        answer = await self._call({"validate_only": True, "message": message})
        if not isinstance(answer, HttpAnswer):
            return CheckResult(is_ok=False, words=answer.detail)
        if answer.is_success:
            project = self.tokens.account.project_id
            return CheckResult(is_ok=True, words=f"project {project} takes messages")
        failure = read_error(answer, is_proven=self._has_accepted, now=self.now())
        return CheckResult(is_ok=False, words=failure.detail)

    async def close(self) -> None:
        """See `Provider`."""
        await self.http.close()

    async def _call(self, body: Mapping[str, Any]) -> HttpAnswer | HttpFailure | Misconfigured:
        """Make a call; once more with a fresh token if the token was refused."""
        token = await self.tokens.get()
        if not isinstance(token, str):
            return token
        answer = await self._post(body, token)
        if not isinstance(answer, HttpAnswer) or not is_access_token_refused(answer):
            return answer
        token = await self.tokens.get(refused=token)
        return await self._post(body, token) if isinstance(token, str) else token

    async def _post(self, body: Mapping[str, Any], token: str) -> HttpAnswer | HttpFailure:
        return await self.http.call(
            "POST",
            f"{self.url}/v1/projects/{self.tokens.account.project_id}/messages:send",
            headers={"authorization": f"Bearer {token}", "content-type": "application/json"},
            body=to_json(body),
        )


def _content(message: OutgoingMessage) -> dict[str, Any]:
    """Return what the device gets. FCM carries only strings as data: other values become JSON."""
    data = {
        name: value if isinstance(value, str) else _json(value)
        for name, value in message.data.items()
    }
    return {
        "notification": {"title": message.subject or "", "body": message.message},
        "data": {"trace_id": message.trace_id, **data},
    }


def _json(value: object) -> str:
    return to_json(value).decode()


def _payload_bytes(content: Mapping[str, Mapping[str, str]]) -> int:
    return sum(
        len(name.encode()) + len(text.encode())
        for part in content.values()
        for name, text in part.items()
    )


def _platforms(collapse_key: str, ttl: int, now: datetime) -> dict[str, Any]:
    """Say how long it waits, and what lets a repetition take the first one's place.

    On Android that is the tag of what is shown, and not `collapse_key`: of those FCM keeps four for
    a device that is off, and drops the rest.
    Source: https://firebase.google.com/docs/cloud-messaging/customize-messages/collapsible-message-types
    """
    expires = str(int(now.timestamp()) + ttl) if ttl else "0"
    return {
        "android": {"ttl": f"{ttl}s", "notification": {"tag": collapse_key}},
        "apns": {"headers": {"apns-expiration": expires, "apns-collapse-id": collapse_key}},
        "webpush": {"headers": {"TTL": str(ttl), "Topic": collapse_key}},
    }


def _name(answer: HttpAnswer) -> str | None:
    said = answer.json()
    name = said.get("name") if isinstance(said, dict) else None
    return name if isinstance(name, str) else None


def fcm_provider(url: ProviderUrl, context: ProviderContext) -> FcmProvider:
    """Make the provider that an `fcm://` URL describes."""
    url.only_options(_OPTIONS)
    try:
        account = ServiceAccount.read(read_file_option(url, "credentials"))
    except InvalidProviderUrl:
        raise
    except ValueError as error:
        raise InvalidProviderUrl(f"credentials: {error}") from error
    token_uri = checked_url("token_uri", url.options.get("token_uri", account.token_uri))
    account = replace(account, token_uri=token_uri)
    http = HttpCaller(ca_file=url.options.get("ca"), timeout=url.limits.patience)
    return FcmProvider(
        url=checked_url("url", url.options.get("url", _URL)).rstrip("/"),
        tokens=AccessTokens(account=account, scope=_SCOPE, http=http, now=context.now),
        http=http,
        longest=longest_wait(url),
        now=context.now,
    )
