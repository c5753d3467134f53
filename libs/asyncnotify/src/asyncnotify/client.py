"""The asynchronous client of the public HTTP API."""

from typing import Final, Self

import httpx

from asyncnotify.calls.batches import BatchCalls
from asyncnotify.calls.dead_letters import DeadLetterCalls
from asyncnotify.calls.keys import KeyCalls
from asyncnotify.calls.notifications import NotificationCalls
from asyncnotify.calls.operating import OperatorCalls
from asyncnotify.calls.users import UserCalls
from asyncnotify.calls.webhooks import WebhookCalls
from asyncnotify.gateway import Gateway
from asyncnotify.settings import api_key, gateway_url

CONCURRENCY: Final = 64


class AsyncNotify(
    NotificationCalls,
    BatchCalls,
    DeadLetterCalls,
    UserCalls,
    OperatorCalls,
    WebhookCalls,
    KeyCalls,
):
    """Talks to one AsyncNotify gateway. Keep it, and close it: by `async with` or `close()`.

    One belongs to the event loop in which it is used first.

    `base_url` and `key` come from ASYNCNOTIFY_URL and ASYNCNOTIFY_KEY or ASYNCNOTIFY_KEY_FILE
    where they are not given; without a key none is sent.

    All methods raise `Unreachable` when there is no answer, `Refused` when it is an error (its
    subclasses say which), and `UnexpectedAnswer` when it is not the API that answers. Any number
    of them may be called at once; `concurrency` of them are under way, the others wait their turn,
    however long that takes.

    `timeout_seconds` bounds one attempt. What may be repeated safely is, for `retry_seconds`, when
    the connection breaks, or the gateway refuses for now (429, 503); `Retry-After` is honoured.
    Times are aware datetimes, or text as in RFC 3339.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        key: str | None = None,
        timeout_seconds: float = 10.0,
        retry_seconds: float = 30.0,
        concurrency: int = CONCURRENCY,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Raise `BadSetup` if the URL, the key, or a proxy of the environment, can't be used."""
        self._gateway = Gateway(
            gateway_url() if base_url is None else base_url,
            key=api_key() if key is None else key,
            timeout_seconds=timeout_seconds,
            retry_seconds=retry_seconds,
            concurrency=concurrency,
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._gateway.close()
