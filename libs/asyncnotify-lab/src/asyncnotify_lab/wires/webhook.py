"""A receiver of webhooks: any path that begins with `/webhook/` is one, and checks signatures.

Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from asyncnotify_lab.http import Answer, HttpWire, Request, Route
from asyncnotify_lab.messages import Arrival

SECRET: Final = "whsec_bGFib3JhdG9yeS1zZWNyZXQtZm9yLXdlYmhvb2tz"  # noqa: S105 - the lab's own
"""What its senders sign with."""


class WebhookWire(HttpWire):
    """Takes whatever is signed with the lab's secret, or not signed at all."""

    name = "webhook"
    kind = "webhook"
    named: ClassVar[Mapping[str, Answer]] = {
        "gone": Answer(status=410),
        "throttled": Answer(status=429),
        "unauthorized": Answer(status=401),
        "unavailable": Answer(status=503),
        "elsewhere": Answer(status=302, headers={"location": "http://169.254.169.254/"}),
    }

    def routes(self) -> Sequence[Route]:
        """Take what is posted."""
        return [Route("POST", "/webhook/{receiver}", self.receive)]

    async def receive(self, request: Request) -> Answer:
        """Take a webhook over; a wrong signature is refused."""
        signature = _signature(request)
        if signature == "wrong":
            return Answer(status=401, body="The signature is wrong.\n")
        body = request.json()
        said: Mapping[str, Any] = body.get("data") or {} if isinstance(body, dict) else {}
        message = Arrival(
            wire=self.name,
            kind=self.kind,
            to=request.path,
            subject=said.get("subject"),
            text=said.get("message"),
            headers={name: request.headers[name] for name in _SHOWN if name in request.headers},
            data={"signature": signature, "body": body},
            raw=request.body,
        )
        return await self.take(message) or Answer(status=204)


_SHOWN: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")


def _signature(request: Request) -> str:
    if "webhook-signature" not in request.headers:
        return "missing"
    try:
        Webhook(SECRET).verify(request.body, dict(request.headers), json_parse=False)
    except (WebhookVerificationError, ValueError):
        return "wrong"
    return "valid"
