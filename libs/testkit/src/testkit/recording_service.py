"""A service that keeps what it is asked, and answers as it is told."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from starlette.types import Receive, Scope, Send


@dataclass
class RecordingService:
    """A service on a socket: it keeps what it got, and answers with that, or as it is told."""

    seen: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes | None = None
    pause: float = 0
    events: list[bytes] = field(default_factory=list)
    breaks_off: bool = False
    open_streams: int = 0

    def answers(self, status: int = 200, *, body: bytes = b"", **headers: str) -> None:
        """Answer like this from now on; `content_type` is the header `content-type`."""
        self.status, self.body = status, body
        self.headers = [(n.replace("_", "-").encode(), v.encode()) for n, v in headers.items()]

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [request["path"] for request in self.seen]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return
        request = await self._read(scope, receive)
        self.seen.append(request)
        await asyncio.sleep(self.pause)
        if self.events:
            await self._stream(receive, send)
            return
        await self._send_head(send)
        body = json.dumps(request).encode() if self.body is None else self.body
        await send({"type": "http.response.body", "body": body})

    async def _read(self, scope: Scope, receive: Receive) -> dict[str, Any]:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        return {
            "method": scope["method"],
            "path": scope["raw_path"].decode("latin-1"),
            "query": scope["query_string"].decode("latin-1"),
            "headers": [[k.decode("latin-1"), v.decode("latin-1")] for k, v in scope["headers"]],
            "body": body.decode("latin-1"),
        }

    async def _send_head(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})

    async def _stream(self, receive: Receive, send: Send) -> None:
        self.open_streams += 1
        try:
            await self._send_head(send)
            for event in self.events:
                await send({"type": "http.response.body", "body": event, "more_body": True})
            if self.breaks_off:
                raise ConnectionError("told to break off")
            while (await receive())["type"] != "http.disconnect":
                pass
        finally:
            self.open_streams -= 1
