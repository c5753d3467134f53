"""Twilio's API of messages, with signed status callbacks, and people who answer.

Sources: https://www.twilio.com/docs/messaging/api/message-resource,
https://www.twilio.com/docs/api/errors,
https://www.twilio.com/docs/usage/webhooks/webhooks-security
"""

import base64
import hmac
from collections.abc import Mapping, Sequence
from email.utils import format_datetime
from re import fullmatch
from typing import Any, ClassVar, Final
from urllib.parse import urlencode
from uuid import uuid4

from asyncnotify_lab.http import Answer, HttpWire, Request, Route
from asyncnotify_lab.messages import Arrival
from asyncnotify_lab.receipts import Callback
from asyncnotify_lab.state import LabState

ACCOUNT: Final = "/2010-04-01/Accounts/{account}"
LONGEST: Final = 1600
PAGE: Final = 50
_DOCS: Final = "https://www.twilio.com/docs/errors/"


def _error(status: int, code: int, message: str) -> Answer:
    body = {"code": code, "message": message, "more_info": f"{_DOCS}{code}", "status": status}
    return Answer(status=status, body=body)


class TwilioWire(HttpWire):
    """Any account and any token are good; callbacks are signed by the token that was given."""

    name = "twilio"
    kind = "sms"
    named: ClassVar[Mapping[str, Answer]] = {
        "gone": _error(400, 21211, "Invalid 'To' Phone Number"),
        "no_mobile": _error(400, 21614, "'To' number is not a valid mobile number"),
        "opted_out": _error(400, 21610, "Attempt to send to unsubscribed recipient"),
        "bad_sender": _error(400, 21606, "The 'From' phone number provided is not valid"),
        "throttled": _error(429, 20429, "Too Many Requests"),
        "unauthorized": _error(401, 20003, "Authenticate"),
        "unavailable": _error(503, 20503, "Service Unavailable"),
    }
    has_receipts: ClassVar[bool] = True

    def __init__(self, state: LabState) -> None:
        super().__init__(state)
        self._opted_out: set[str] = set()
        self._tokens: dict[str, str] = {}  # by account: with what its callbacks are signed

    def routes(self) -> Sequence[Route]:
        """Send, list, read the account; and have a person answer, which is the lab's own."""
        return [
            Route("POST", f"{ACCOUNT}/Messages.json", self.send),
            Route("GET", f"{ACCOUNT}/Messages.json", self.listed),
            Route("GET", f"{ACCOUNT}.json", self.account),
            Route("POST", "/lab/twilio/answers", self.answer_of_a_person),
        ]

    async def send(self, request: Request) -> Answer:
        """Take an SMS over, and call back with what became of it."""
        token = _token(request)
        if token is None:
            return self.named["unauthorized"]
        form = request.form()
        if refused := self._refused(form):
            return refused
        self._tokens[request.params["account"]] = token
        message = Arrival(
            wire=self.name,
            kind=self.kind,
            to=form["To"],
            id=f"SM{uuid4().hex}",
            sender=form.get("From") or form["MessagingServiceSid"],
            text=form["Body"],
            data={"form": form, "account": request.params["account"]},
            raw=request.body,
        )
        return await self.take(message, lambda: self._delivered(message)) or Answer(
            status=201, body=_shown(message)
        )

    async def listed(self, request: Request) -> Answer:
        """List messages to a number, the newest first."""
        if _token(request) is None:
            return self.named["unauthorized"]
        found = self._state.messages.find(wire=self.name, to=request.query.get("To"))
        asked = request.query.get("PageSize", "")
        size = int(asked) if fullmatch("[0-9]{1,4}", asked) else PAGE
        newest = [each for each in reversed(found) if _account(each) == request.params["account"]]
        more = f"{request.path}?Page=1" if len(newest) > size else None
        return Answer(
            body={"messages": [_shown(each) for each in newest[:size]], "next_page_uri": more}
        )

    async def account(self, request: Request) -> Answer:
        """Show the account: what credentials can be tried with."""
        if _token(request) is None:
            return self.named["unauthorized"]
        return Answer(body={"sid": request.params["account"], "status": "active", "type": "Full"})

    async def answer_of_a_person(self, request: Request) -> Answer:
        """Have a person answer: `{"from": number, "text": "STOP"}`; to where the last SMS said."""
        asked = request.json()
        if not isinstance(asked, dict) or not {"from", "text"} <= asked.keys():
            return Answer(status=422, body="It must be a JSON object with from and text.\n")
        number, text = str(asked["from"]), str(asked["text"])
        sent = self._state.messages.find(wire=self.name, to=number)
        if not sent or not self._can_call(sent[-1]):
            return Answer(status=409, body="No SMS with a StatusCallback was sent there yet.\n")
        word = text.strip().upper()
        if word == "STOP":
            self._opted_out.add(number)
        if word == "START":
            self._opted_out.discard(number)
        form = {"MessageSid": f"SM{uuid4().hex}", "From": number, "To": sent[-1].sender or ""}
        await self._call_back(sent[-1], {**form, "Body": text, "SmsStatus": "received"})
        return Answer(status=202)

    def _refused(self, form: Mapping[str, str]) -> Answer | None:
        to, body = form.get("To", ""), form.get("Body", "")
        if not fullmatch(r"\+[1-9][0-9]{6,14}", to):
            return self.named["gone"]
        if to in self._opted_out:
            return self.named["opted_out"]
        if not body:
            return _error(400, 21602, "Message body is required.")
        if len(body) > LONGEST:
            return _error(400, 21617, "The concatenated message body exceeds 1600 characters")
        if not form.get("From") and not form.get("MessagingServiceSid"):
            return _error(400, 21603, "A 'From' phone number is required.")
        return None

    async def _delivered(self, message: Arrival) -> None:
        if self._can_call(message):
            form = {"MessageSid": message.id, "MessageStatus": "delivered", "To": message.to}
            await self._call_back(message, form)

    def _can_call(self, message: Arrival) -> bool:
        return "StatusCallback" in message.data["form"] and _account(message) in self._tokens

    async def _call_back(self, message: Arrival, form: Mapping[str, str]) -> None:
        url, token = message.data["form"]["StatusCallback"], self._tokens[_account(message)]

        def make(changes: Mapping[str, Any], is_forged: bool) -> Callback:
            says = {**form, **{name: str(value) for name, value in changes.items()}}
            signature = _signature("somebody else's" if is_forged else token, url, says)
            headers = {
                "content-type": "application/x-www-form-urlencoded",
                "x-twilio-signature": signature,
            }
            return Callback(url=url, headers=headers, body=urlencode(says).encode())

        await self.report(message, make)


def _signature(key: str, url: str, form: Mapping[str, str]) -> str:
    signed = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.digest(key.encode(), signed.encode(), "sha1")).decode()


def _token(request: Request) -> str | None:
    """Return what a request is signed in with; None if it is not."""
    scheme, _, pair = request.headers.get("authorization", "").partition(" ")
    try:
        user, _, token = base64.b64decode(pair, validate=True).decode().partition(":")
    except ValueError:
        return None
    is_good = scheme.lower() == "basic" and user[:2] in {"AC", "SK"} and token
    return token if is_good else None


def _account(message: Arrival) -> str:
    return str(message.data["account"])


def _shown(message: Arrival) -> dict[str, Any]:
    return {
        "sid": message.id,
        "account_sid": _account(message),
        "to": message.to,
        "from": message.sender,
        "body": message.text,
        "direction": "outbound-api",
        "status": "queued",
        "date_created": format_datetime(message.at),
        "date_sent": None,
        "error_code": None,
        "uri": f"/2010-04-01/Accounts/{_account(message)}/Messages/{message.id}.json",
    }
