"""`apns://KEYID:TEAMID@/TOPIC?key_file=FILE`: the Apple Push Notification service.

Sources: https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns,
https://developer.apple.com/documentation/usernotifications/generating-a-remote-notification
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

from notification_contracts.states import Reason
from pydantic_core import to_json

from notification_providers.http import HttpAnswer, HttpCaller, HttpFailure
from notification_providers.options import checked_url, yes_or_no
from notification_providers.port import (
    Accepted,
    CheckResult,
    FaultSide,
    OutgoingMessage,
    PermanentFailure,
    ProviderAnswer,
    Repeating,
)
from notification_providers.push.apns_errors import (
    TOKENS_THAT_ARE_NONE,
    ApnsError,
    is_provider_token_expired,
    read_refusal,
)
from notification_providers.push.keys import read_file_option, read_key
from notification_providers.push.limits import longest_wait, time_to_live, too_long
from notification_providers.push.provider_token import ProviderToken
from notification_providers.push.tokens import PushService, bare_token, is_device_token, service_of
from notification_providers.push.vapid import read_private_key
from notification_providers.urls import InvalidProviderUrl, ProviderContext, ProviderUrl

_PRODUCTION: Final = "https://api.push.apple.com"
_SANDBOX: Final = "https://api.sandbox.push.apple.com"
_OPTIONS: Final = frozenset({"key_file", "sandbox", "sound", "ttl_seconds", "url", "ca"})
MAX_PAYLOAD_BYTES: Final = 4096
_IDS: Final = UUID("5d7c1f0e-6a3b-5c52-9f0e-3f1b7d1c2a55")
_NO_DEVICE: Final = "0" * 64


@dataclass(slots=True, kw_only=True)
class ApnsProvider:
    """Posts over one HTTP/2 connection, with a token that is signed about once an hour."""

    url: str
    topic: str
    token: ProviderToken
    http: HttpCaller
    longest: timedelta
    now: Callable[[], datetime]
    sound: str = "default"
    name: str = "apns"
    repeating: Repeating = Repeating.IDEMPOTENT
    _has_accepted: bool = field(default=False, init=False)

    def takes(self, address: str) -> bool:
        """Tell whether this is a device token of APNs."""
        return service_of(address) is PushService.APNS

    async def send(self, message: OutgoingMessage) -> ProviderAnswer:
        """Hand it over. A repetition is shown in the first one's place."""
        device = bare_token(message.address)
        if not is_device_token(device):
            detail = "a device token of APNs is at least 64 hexadecimal digits"
            return PermanentFailure(
                reason=Reason.INVALID_ADDRESS, detail=detail, fault=FaultSide.RECIPIENT
            )
        body = to_json(self._payload(message))
        if len(body) > MAX_PAYLOAD_BYTES:
            return too_long("the payload", len(body), MAX_PAYLOAD_BYTES)
        answer = await self._call(device, self._headers(message), body)
        if not isinstance(answer, HttpAnswer):
            return answer
        if answer.is_success:
            self._has_accepted = True
            return Accepted(message_id=answer.headers.get("apns-id"))
        return read_refusal(answer, is_proven=self._has_accepted, now=self.now())

    async def check(self) -> CheckResult:
        """Post to a device that can't exist: who is refused for that alone is known."""
        headers = {"apns-topic": self.topic, "apns-push-type": "alert"}
        answer = await self._call(_NO_DEVICE, headers, to_json({"aps": {"alert": "check"}}))
        if not isinstance(answer, HttpAnswer):
            return CheckResult(is_ok=False, words=answer.detail)
        if answer.is_success or ApnsError.of(answer).reason in TOKENS_THAT_ARE_NONE:
            words = f"APNs knows the key {self.token.key_id} and the topic {self.topic}"
            return CheckResult(is_ok=True, words=words)
        failure = read_refusal(answer, is_proven=False, now=self.now())
        return CheckResult(is_ok=False, words=failure.detail)

    async def close(self) -> None:
        """See `Provider`."""
        await self.http.close()

    async def _call(
        self, device: str, headers: dict[str, str], body: bytes
    ) -> HttpAnswer | HttpFailure:
        """Make a call; once more if the provider token had expired on the way."""
        token = self.token.current(self.now())
        answer = await self._post(device, headers, body, token)
        if not isinstance(answer, HttpAnswer) or not is_provider_token_expired(answer):
            return answer
        renewed = self.token.renewed(token, self.now())
        return answer if renewed is None else await self._post(device, headers, body, renewed)

    async def _post(
        self, device: str, headers: dict[str, str], body: bytes, token: str
    ) -> HttpAnswer | HttpFailure:
        return await self.http.call(
            "POST",
            f"{self.url}/3/device/{device}",
            headers={"authorization": f"bearer {token}", **headers},
            body=body,
        )

    def _headers(self, message: OutgoingMessage) -> dict[str, str]:
        now = self.now()
        ttl = int(time_to_live(message, self.longest, now).total_seconds())
        return {
            "apns-id": _apns_id(message),
            "apns-topic": self.topic,
            "apns-push-type": "alert",
            "apns-priority": "10",
            # 0 means: now or never.
            "apns-expiration": str(int(now.timestamp()) + ttl) if ttl else "0",
            "apns-collapse-id": message.collapse_key,
        }

    def _payload(self, message: OutgoingMessage) -> dict[str, Any]:
        alert = {"body": message.message}
        if message.subject:
            alert["title"] = message.subject
        aps: dict[str, Any] = {"alert": alert}
        if self.sound:
            aps["sound"] = self.sound
        return {"aps": aps, "data": dict(message.data), "trace_id": message.trace_id}


def _apns_id(message: OutgoingMessage) -> str:
    """Return a UUID that is this message's to this device, however often it is sent."""
    try:
        return str(UUID(message.idempotency_key))
    except ValueError:
        return str(uuid5(_IDS, message.idempotency_key))


def apns_provider(url: ProviderUrl, context: ProviderContext) -> ApnsProvider:
    """Make the provider that an `apns://` URL describes."""
    url.only_options(_OPTIONS)
    topic = url.path.strip("/")
    if not url.user or not url.password or not topic or url.host:
        raise InvalidProviderUrl("it must be apns://KEYID:TEAMID@/TOPIC?key_file=FILE")
    is_sandbox = yes_or_no("sandbox", url.options.get("sandbox"))
    usual = _SANDBOX if is_sandbox else _PRODUCTION
    server = checked_url("url", url.options.get("url", usual))
    key = read_key(read_file_option(url, "key_file"), read_private_key)
    return ApnsProvider(
        url=server.rstrip("/"),
        topic=topic,
        token=ProviderToken(key=key, key_id=url.user, team_id=url.password),
        http=HttpCaller(is_http2=True, ca_file=url.options.get("ca"), timeout=url.limits.patience),
        longest=longest_wait(url),
        now=context.now,
        sound=url.options.get("sound", "default"),
    )
