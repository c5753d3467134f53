"""An SMS gateway of the plain kind: a form, JSON or a query with `to` and `text`, and a code."""

from collections.abc import Mapping, Sequence
from re import fullmatch
from typing import Any, ClassVar, Final

from asyncnotify_lab.http import Answer, HttpWire, Request, Route
from asyncnotify_lab.messages import Arrival

PATH: Final = "/sms-gateway/send"


def _error(status: int, code: str) -> Answer:
    return Answer(status=status, body={"error": code})


class SmsGatewayWire(HttpWire):
    """Any credentials are good, by Basic or Bearer."""

    name = "sms-gateway"
    kind = "sms"
    named: ClassVar[Mapping[str, Answer]] = {
        "gone": _error(400, "bad_number"),
        "opted_out": _error(400, "opted_out"),
        "throttled": _error(429, "slow_down"),
        "unauthorized": _error(401, "unauthorized"),
        "unavailable": _error(503, "unavailable"),
    }

    def routes(self) -> Sequence[Route]:
        """Send."""
        return [Route("POST", PATH, self.send), Route("GET", PATH, self.send)]

    async def send(self, request: Request) -> Answer:
        """Take an SMS over."""
        if not request.headers.get("authorization"):
            return self.named["unauthorized"]
        fields = _fields(request)
        to, text = str(fields.get("to", "")), fields.get("text")
        if not fullmatch(r"\+?[1-9][0-9]{6,14}", to):
            return self.named["gone"]
        if not isinstance(text, str) or not text:
            return _error(400, "bad_text")
        message = Arrival(
            wire=self.name,
            kind=self.kind,
            to=f"+{to.removeprefix('+')}",
            sender=str(fields.get("from", "")) or None,
            text=text,
            data={"fields": fields},
            raw=request.body,
        )
        return await self.take(message) or Answer(status=202, body={"id": message.id})


def _fields(request: Request) -> Mapping[str, Any]:
    if request.method == "GET":
        return request.query
    if "json" not in request.headers.get("content-type", ""):
        return request.form()
    body = request.json()
    return body if isinstance(body, dict) else {}
