"""The minimal stack's publisher: bare ASGI, one push for all requests of a turn of the event loop.

It answers when Redis has synced the push, as the product does. There is no record, no idempotency
key, no status, no log and no metric.
"""

import asyncio
import gc
import json
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import redis.asyncio as redis

Message = MutableMapping[str, Any]
JSON = (b"content-type", b"application/json")
CHANNELS = {None, "email", "sms", "push"}
client = redis.from_url(os.environ["REDIS_URL"])


class Pushes:
    """Notifications that wait for the next push."""

    def __init__(self) -> None:
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def push(self, notification: bytes) -> None:
        """Return when it is in Redis."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((notification, done))
        if self._task is None:
            self._task = asyncio.create_task(self._push_all())
        await done

    async def _push_all(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            await client.rpush("notifications", *(notification for notification, _ in batch))
            for _, done in batch:
                done.set_result(None)
        self._task = None


pushes = Pushes()


def is_notification(body: bytes) -> bool:
    """Check what a client sent, as briefly as it can be done."""
    try:
        fields = json.loads(body)
        user_id, message = fields["user_id"], fields["message"]
        return (
            isinstance(user_id, str)
            and 0 < len(user_id) <= 128
            and isinstance(message, str)
            and 0 < len(message) <= 10_000
            and fields.get("channel") in CHANNELS
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Accept a notification."""
    if scope["type"] == "lifespan":
        await receive()
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    body = b""
    while True:
        part = await receive()
        body += part.get("body", b"")
        if not part.get("more_body"):
            break
    status, text = 422, b"{}"
    if is_notification(body):
        trace_id = os.urandom(16).hex().encode()
        await pushes.push(b'{"trace_id":"' + trace_id + b'",' + body[1:])
        status, text = 202, b'{"trace_id":"' + trace_id + b'","status":"queued"}'
    headers = [JSON, (b"content-length", b"%d" % len(text))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})
