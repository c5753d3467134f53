"""`webpush://?subject=mailto:…&key_file=…`: pushes to browsers, encrypted for each of them.

Sources: RFC 8030 (the request), RFC 8291 (encryption), RFC 8292 (VAPID).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from notification_contracts.states import Reason
from pydantic_core import to_json

from notification_providers.guard import GUARD_OPTIONS, AddressGuard, read_guard
from notification_providers.http import HttpAnswer, HttpCaller
from notification_providers.port import (
    Accepted,
    AddressGone,
    CheckResult,
    FaultSide,
    Misconfigured,
    OutgoingMessage,
    PermanentFailure,
    ProviderAnswer,
    Repeating,
    TransientFailure,
)
from notification_providers.push.keys import read_file_option, read_key
from notification_providers.push.limits import longest_wait, time_to_live, too_long
from notification_providers.push.subscription import (
    MAX_PLAINTEXT_BYTES,
    InvalidSubscription,
    Subscription,
    read_subscription,
)
from notification_providers.push.tokens import PushService, service_of
from notification_providers.push.vapid import Standing, Vapid, public_key, read_private_key
from notification_providers.push.words import quotable
from notification_providers.urls import InvalidProviderUrl, ProviderContext, ProviderUrl

# Those of Chrome and Edge on Android and Linux, Firefox, Safari, and Edge on Windows.
PUSH_SERVICES: Final = (
    "fcm.googleapis.com",
    "jmt17.google.com",
    "*.push.services.mozilla.com",
    "*.push.apple.com",
    "*.notify.windows.com",
)
_OPTIONS: Final = GUARD_OPTIONS | {"subject", "key_file", "ttl_seconds", "trusted", "ca"}


@dataclass(slots=True, kw_only=True)
class WebPushProvider:
    """Posts to the endpoint that the browser gave.

    What goes wrong at an endpoint is the fault of the recipient, and holds up no other: endpoints
    belong to many services, and anyone can give one of his own.
    """

    vapid: Vapid
    standing: Standing
    http: HttpCaller
    guard: AddressGuard
    longest: timedelta
    now: Callable[[], datetime]
    name: str = "webpush"
    repeating: Repeating = Repeating.IDEMPOTENT

    def takes(self, address: str) -> bool:
        """Tell whether this is a subscription."""
        return service_of(address) is PushService.WEB_PUSH

    async def send(self, message: OutgoingMessage) -> ProviderAnswer:
        """Encrypt, and post. A repetition replaces the first one while that waits: its `Topic`."""
        try:
            to = read_subscription(message.address, self.guard)
        except InvalidSubscription as error:
            return _invalid(str(error))
        text = _payload(message)
        if len(text) > MAX_PLAINTEXT_BYTES:
            return too_long("the payload", len(text), MAX_PLAINTEXT_BYTES)
        answer = await self.http.call(
            "POST", to.endpoint, headers=self._headers(to, message), body=to.encrypt(text)
        )
        if not isinstance(answer, HttpAnswer):
            return replace(answer, fault=FaultSide.RECIPIENT)
        if answer.is_success:
            self.standing.accepted(to.host)
            return Accepted()
        return self._refusal(answer, to)

    async def check(self) -> CheckResult:
        """Say which public key pages must subscribe with: nothing else can be tried."""
        words = f"pages must subscribe with the public key {public_key(self.vapid.key)}"
        return CheckResult(is_ok=True, words=words)

    async def close(self) -> None:
        """See `Provider`."""
        await self.http.close()

    def _headers(self, to: Subscription, message: OutgoingMessage) -> dict[str, str]:
        now = self.now()
        seconds = int(time_to_live(message, self.longest, now).total_seconds())
        return {
            "authorization": self.vapid.authorization(to.origin, now),
            "content-encoding": "aes128gcm",
            "content-type": "application/octet-stream",
            "topic": message.collapse_key,
            "ttl": str(seconds),
            "user-agent": "AsyncNotify",
        }

    def _refusal(self, answer: HttpAnswer, to: Subscription) -> ProviderAnswer:
        detail = self._detail(answer, to)
        match answer.status:
            case 404 | 410:
                return AddressGone(reason=Reason.ADDRESS_GONE, detail=detail)
            case 401 | 403 if self.standing.is_refused_itself(to.host, to.endpoint):
                return Misconfigured(detail=detail)
            case 401 | 403:
                return self._later(answer, Reason.PROVIDER_AUTH, detail)
            case 429:
                return self._later(answer, Reason.RATE_LIMITED, detail)
            case status if status >= 500:
                return self._later(answer, Reason.PROVIDER_UNAVAILABLE, detail)
            case status:
                return PermanentFailure(
                    reason=(Reason.MESSAGE_TOO_LONG if status == 413 else Reason.PROVIDER_REJECTED),
                    detail=detail,
                    fault=FaultSide.RECIPIENT,
                )

    def _later(self, answer: HttpAnswer, reason: Reason, detail: str) -> TransientFailure:
        asked = answer.retry_after(self.now())
        return TransientFailure(
            reason=reason, detail=detail, retry_after=asked, fault=FaultSide.RECIPIENT
        )

    def _detail(self, answer: HttpAnswer, to: Subscription) -> str:
        """Quote services that are known; what strangers answer is not shown."""
        if not self.standing.is_trusted(to.host):
            return f"the endpoint answered {answer.status}"
        said = f"{to.host} answered {answer.status}"
        words = _words(answer, to)
        return f"{said}: {words}" if words else said


def _payload(message: OutgoingMessage) -> bytes:
    return to_json(
        {
            "title": message.subject,
            "body": message.message,
            "data": dict(message.data),
            "trace_id": message.trace_id,
        }
    )


def _words(answer: HttpAnswer, to: Subscription) -> str:
    """Return what a service says of its refusal, unless it repeats the endpoint."""
    said = answer.json()
    if isinstance(said, dict):
        text = str(said.get("message") or said.get("reason") or "")
    else:
        text = "" if answer.body.lstrip().startswith(b"<") else answer.body.decode(errors="replace")
    return quotable(text, to.endpoint.rpartition("/")[2])


def _invalid(detail: str) -> PermanentFailure:
    return PermanentFailure(reason=Reason.INVALID_ADDRESS, detail=detail, fault=FaultSide.RECIPIENT)


def webpush_provider(url: ProviderUrl, context: ProviderContext) -> WebPushProvider:
    """Make the provider that a `webpush://[:PRIVATE_KEY@]` URL describes."""
    url.only_options(_OPTIONS)
    subject = url.options.get("subject", "")
    if not subject.startswith(("mailto:", "https:")):
        raise InvalidProviderUrl("subject must be how to reach you, such as mailto:ops@example.com")
    guard = read_guard(url)
    key = read_key(url.password or read_file_option(url, "key_file"), read_private_key)
    return WebPushProvider(
        vapid=Vapid(key=key, subject=subject),
        standing=Standing(trusted=(*PUSH_SERVICES, *url.options.get("trusted", "").split())),
        http=HttpCaller(ca_file=url.options.get("ca"), timeout=url.limits.patience, guard=guard),
        guard=guard,
        longest=longest_wait(url),
        now=context.now,
    )
