"""The minimal stack's gateway: bare ASGI and one aiohttp session. No limits, logs or metrics."""

import gc
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import aiohttp

Message = MutableMapping[str, Any]
UPSTREAM = os.environ["UPSTREAM"] + "/notifications"
JSON = {"Content-Type": "application/json"}
_sessions: list[aiohttp.ClientSession] = []


async def app(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Pass a body on, and the answer back."""
    if scope["type"] == "lifespan":
        await live(receive, send)
        return
    body = b""
    while True:
        part = await receive()
        body += part.get("body", b"")
        if not part.get("more_body"):
            break
    async with _sessions[0].post(UPSTREAM, data=body, headers=JSON) as answer:
        text = await answer.read()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(text))]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": text})


async def live(
    receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Hold the session open from start to stop."""
    await receive()
    connector = aiohttp.TCPConnector(limit=256)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar()
    ) as it:
        _sessions.append(it)
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})
