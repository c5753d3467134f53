"""Sends by Twilio's REST API: one POST for each message, and none that is repeated unasked.

Source: https://www.twilio.com/docs/messaging/api/message-resource
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Annotated, Final
from urllib.parse import urlencode

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from notification_providers.http import HttpAnswer, HttpCaller
from notification_providers.port import (
    Accepted,
    AddressReport,
    CheckResult,
    NotTaken,
    OutgoingMessage,
    PermanentFailure,
    ProviderAnswer,
    Receipt,
    ReceiptRequest,
    Repeating,
    TransientFailure,
    UncertainFailure,
)
from notification_providers.sms.transliterate import transliterated
from notification_providers.sms.twilio.answers import read_send, words_of
from notification_providers.sms.twilio.receipts import TwilioReceipts

DEFAULT_HOST: Final = "https://api.twilio.com"
# How long Twilio may hold a message back: it takes nothing longer.
LONGEST_VALIDITY: Final = timedelta(seconds=36_000)
# Its times are whole seconds, and clocks differ a little.
_CLOCKS_DIFFER: Final = timedelta(seconds=5)
_PAGE: Final = 200

HttpResult = HttpAnswer | TransientFailure | PermanentFailure | UncertainFailure


def _time(text: object) -> datetime:
    at = parsedate_to_datetime(str(text))  # RFC 2822
    return at if at.tzinfo else at.replace(tzinfo=UTC)


class _Message(BaseModel):
    sid: str
    body: str
    direction: str
    at: Annotated[datetime, BeforeValidator(_time)] = Field(alias="date_created")


class _Page(BaseModel):
    messages: list[_Message]
    next_page_uri: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioAccount:
    """Whose messages they are, and with what is signed in: the account's token or an API key's."""

    sid: str
    user: str
    password: str = field(repr=False)
    base_url: str = DEFAULT_HOST

    @property
    def url(self) -> str:
        """Return the account's own address."""
        return f"{self.base_url}/2010-04-01/Accounts/{self.sid}"

    @property
    def headers(self) -> dict[str, str]:
        """Return what signs a call in."""
        pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"authorization": f"Basic {pair}", "accept": "application/json"}


@dataclass(slots=True, kw_only=True)
class TwilioProvider:
    """One sender of one account: a number, or a messaging service (`MG…`)."""

    account: TwilioAccount
    sender: str
    receipts: TwilioReceipts
    http: HttpCaller
    now: Callable[[], datetime]
    status_callback: str | None = None
    transliterates: bool = False
    name: str = "twilio"
    repeating: Repeating = Repeating.ASKABLE

    async def send(self, message: OutgoingMessage) -> ProviderAnswer:
        """Post the message."""
        answer = await self.http.call(
            "POST",
            f"{self.account.url}/Messages.json",
            headers={
                **self.account.headers,
                "content-type": "application/x-www-form-urlencoded",
            },
            body=urlencode(self._form(message)).encode(),
        )
        return read_send(answer, self.now()) if isinstance(answer, HttpAnswer) else answer

    async def find(
        self, message: OutgoingMessage, *, since: datetime
    ) -> Accepted | NotTaken | UncertainFailure:
        """Look for a message to this number, with this text, since then.

        Twilio keeps nothing of ours by which to know one of two that say the same: the newest
        counts. What it lists by number and day is read on one page.
        """
        query = urlencode({"To": message.address, "PageSize": _PAGE})
        answer = await self._get(f"{self.account.url}/Messages.json?{query}")
        if not isinstance(answer, HttpAnswer) or not answer.is_success:
            return UncertainFailure(detail=f"it could not be asked: {_words(answer)}")
        try:
            page = _Page.model_validate_json(answer.body)
        except ValidationError:
            return UncertainFailure(detail="its list of messages can't be understood")
        earliest, text = since - _CLOCKS_DIFFER, self._text(message)
        recent = [each for each in page.messages if each.at >= earliest]
        for each in sorted(recent, key=lambda each: each.at, reverse=True):
            if each.direction.startswith("outbound") and each.body == text:
                return Accepted(message_id=each.sid)
        is_all = page.next_page_uri is None or len(recent) < len(page.messages)
        return NotTaken() if is_all else UncertainFailure(detail="too many messages to this number")

    async def check(self) -> CheckResult:
        """Read the account: that needs its credentials, and sends nothing."""
        answer = await self._get(f"{self.account.url}.json")
        body = answer.json() if isinstance(answer, HttpAnswer) and answer.is_success else None
        if not isinstance(body, dict):
            return CheckResult(is_ok=False, words=_words(answer))
        status = str(body.get("status"))
        return CheckResult(is_ok=status == "active", words=f"the account is {status}")

    def read(self, request: ReceiptRequest) -> Sequence[Receipt | AddressReport]:
        """See `ReceiptReader`."""
        return self.receipts.read(request)

    async def close(self) -> None:
        """See `Provider`."""
        await self.http.close()

    async def _get(self, url: str) -> HttpResult:
        return await self.http.call("GET", url, headers=self.account.headers)

    def _form(self, message: OutgoingMessage) -> Mapping[str, str]:
        is_service = self.sender.startswith("MG")
        form = {
            "To": message.address,
            "MessagingServiceSid" if is_service else "From": self.sender,
            "Body": self._text(message),
        }
        if self.status_callback is not None:
            form["StatusCallback"] = self.status_callback
        if message.expires_at is not None:
            left = message.expires_at - self.now()
            if left < LONGEST_VALIDITY:
                form["ValidityPeriod"] = str(max(1, int(left.total_seconds())))
        return form

    def _text(self, message: OutgoingMessage) -> str:
        return transliterated(message.message) if self.transliterates else message.message


def _words(answer: HttpResult) -> str:
    return words_of(answer) if isinstance(answer, HttpAnswer) else answer.detail
