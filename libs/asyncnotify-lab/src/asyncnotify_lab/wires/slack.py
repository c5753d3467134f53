"""Incoming webhooks of Slack, and of Mattermost and Rocket.Chat, which take the same.

Sources: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks,
https://docs.slack.dev/apis/web-api/rate-limits,
https://developers.mattermost.com/integrate/webhooks/incoming/
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from asyncnotify_lab.http import Answer, HttpWire, Request, Route
from asyncnotify_lab.messages import Arrival


class SlackWire(HttpWire):
    """Any token is good. A message is to its `channel`, else to its token's room."""

    name = "slack"
    kind = "chat"
    named: ClassVar[Mapping[str, Answer]] = {
        "gone": Answer(status=410, body="channel_is_archived"),
        "not_found": Answer(status=404, body="channel_not_found"),
        "throttled": Answer(status=429, body="rate_limited"),
        "unauthorized": Answer(status=403, body="invalid_token"),
        "unavailable": Answer(status=503),
    }

    def routes(self) -> Sequence[Route]:
        """Take what is posted, as JSON or as a form's `payload`."""
        return [
            Route("POST", "/services/{team}/{app}/{token}", self.post),
            Route("POST", "/hooks/{token}", self.post),
        ]

    async def post(self, request: Request) -> Answer:
        """Take a message over."""
        payload = _payload(request)
        if not isinstance(payload, dict):
            return Answer(status=400, body="invalid_payload")
        text = _text(payload)
        if not text:
            return Answer(status=400, body="no_text")
        message = Arrival(
            wire=self.name,
            kind=self.kind,
            to=payload.get("channel") or request.params["token"],
            sender=payload.get("username"),
            text=text,
            data={"payload": payload},
            raw=request.body,
        )
        return await self.take(message) or Answer(body="ok")


def _payload(request: Request) -> Any:  # noqa: ANN401 - whatever was posted
    form = request.form().get("payload")
    if form is None:
        return request.json()
    try:
        return json.loads(form)
    except ValueError:
        return None


def _text(payload: Mapping[str, Any]) -> str:
    """Return the text; that of an attachment, where there is no other."""
    attachments = payload.get("attachments") or []
    texts = [payload.get("text"), *(each.get("text") for each in attachments if each)]
    return "\n".join(text for text in texts if text)
