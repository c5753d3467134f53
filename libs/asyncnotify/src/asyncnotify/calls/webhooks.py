"""The calls about who is told of status changes."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from asyncnotify.calls.base import Calls, given, segment
from asyncnotify.models.webhooks import (
    Webhook,
    WebhookAttempt,
    WebhookAttemptPage,
    WebhookEventQueued,
    WebhookList,
    WebhookWithSecret,
)


class WebhookCalls(Calls):
    """The calls about webhooks."""

    async def create_webhook(self, /, url: str, **said: object) -> WebhookWithSecret:
        """Have events posted to a URL: events, statuses, channels, tags, format, description, …

        The answer's `secret` is shown this once.
        """
        body = given({"url": url, **said})
        return await self._ask(WebhookWithSecret, "POST", "/webhooks", body=body)

    async def webhooks(self) -> WebhookList:
        """Return all webhooks."""
        return await self._get(WebhookList, "/webhooks")

    async def webhook(self, webhook_id: str) -> Webhook:
        """Return one of them.

        Raises:
            NotFound: there is none of this id.
        """
        return await self._get(Webhook, _path(webhook_id))

    async def change_webhook(self, /, webhook_id: str, url: str, **said: object) -> Webhook:
        """Replace all that was said of a webhook but its secret; enables it unless told not to."""
        body = given({"url": url, **said})
        return await self._ask(Webhook, "PUT", _path(webhook_id), may_repeat=True, body=body)

    async def rotate_webhook(
        self, webhook_id: str, *, grace_seconds: int | None = None
    ) -> WebhookWithSecret:
        """Give a webhook a new secret; the former one signs, too, for a day or as long as given."""
        body = given({"grace_seconds": grace_seconds})
        return await self._ask(WebhookWithSecret, "POST", f"{_path(webhook_id)}/rotate", body=body)

    async def delete_webhook(self, webhook_id: str) -> None:
        """Forget a webhook, its history, and what waits for it."""
        await self._do("DELETE", _path(webhook_id))

    async def test_webhook(self, webhook_id: str) -> WebhookEventQueued:
        """Have a test event posted; what came of it is among the attempts."""
        return await self._ask(WebhookEventQueued, "POST", f"{_path(webhook_id)}/test")

    async def iter_webhook_attempts(
        self, webhook_id: str, *, limit: int | None = None
    ) -> AsyncGenerator[WebhookAttempt, None]:
        """Yield what became of the attempts to tell a webhook, newest first, at most `limit`."""
        path = f"{_path(webhook_id)}/attempts"
        async with aclosing(self._pages(WebhookAttemptPage, path, limit, {})) as found:
            async for each in found:
                yield each

    async def resend_webhook_attempt(self, webhook_id: str, attempt_id: str) -> WebhookEventQueued:
        """Have the event of an attempt posted once more, with the same `webhook-id`."""
        path = f"{_path(webhook_id)}/attempts/{segment('attempt_id', attempt_id)}/resend"
        return await self._ask(WebhookEventQueued, "POST", path)


def _path(webhook_id: str) -> str:
    return f"/webhooks/{segment('webhook_id', webhook_id)}"
