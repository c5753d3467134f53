import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import pytest_asyncio
from gateway.infrastructure.memory import MemoryUpstream
from gateway.main import build
from gateway.settings import Settings
from starlette.types import Receive, Scope, Send
from testkit.http import asgi_client, live_server

App = Callable[[Scope, Receive, Send], Awaitable[None]]


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


@dataclass(frozen=True)
class Door:
    """A gateway on a socket."""

    url: str

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.url.removeprefix("http://").split(":")
        return host, int(port)

    async def say(self, raw: bytes) -> bytes:
        """Send bytes as they are; return the answer up to the end of the connection."""
        reader, writer = await asyncio.open_connection(*self.address)
        writer.write(raw)
        answer = await reader.read()
        writer.close()
        return answer


@pytest.fixture
def publisher() -> MemoryUpstream:
    return MemoryUpstream()


@pytest.fixture
def users() -> MemoryUpstream:
    return MemoryUpstream()


@pytest_asyncio.fixture(loop_scope="module")
async def client(
    publisher: MemoryUpstream, users: MemoryUpstream
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway in front of twins."""
    app = build(Settings(), publisher=publisher, users=users)
    async with asgi_client(app) as client:
        yield client


@asynccontextmanager
async def _open_door(service_url: str, **settings: Any) -> AsyncIterator[Door]:
    urls: Any = {"publisher_url": service_url, "user_service_url": service_url}
    async with live_server(build(Settings(**urls, **settings))) as url:
        yield Door(url)


@pytest.fixture
def open_door() -> Callable[..., Any]:
    """Open a gateway on a socket, in front of the service at a url."""
    return _open_door


# Servers take a third of a second to stop, so that a module shares them.
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door_and_place() -> AsyncIterator[tuple[Door, list[RecordingService]]]:
    """A gateway, and the place of the service behind it, both on sockets."""
    place = [RecordingService()]

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await place[0](scope, receive, send)

    async with live_server(serve) as service_url, _open_door(service_url) as door:
        yield door, place


@pytest.fixture
def door(door_and_place: tuple[Door, list[RecordingService]]) -> Door:
    return door_and_place[0]


@pytest.fixture
def service(door_and_place: tuple[Door, list[RecordingService]]) -> RecordingService:
    """The service behind `door`, a new one for each test."""
    door_and_place[1][0] = RecordingService()
    return door_and_place[1][0]


@pytest_asyncio.fixture(loop_scope="module")
async def http(door: Door) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=door.url, trust_env=False, timeout=60) as client:
        yield client


@pytest_asyncio.fixture(loop_scope="module")
async def raw_service() -> AsyncIterator[Callable[..., Any]]:
    """Listen on a socket; answer whatever comes with the given bytes, then hang up."""
    servers: list[asyncio.Server] = []

    async def listen(answer: bytes, *, resets: bool = False) -> str:
        async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
            if resets:
                writer.transport.abort()
            else:
                writer.close()

        server = await asyncio.start_server(reply, "127.0.0.1", 0)
        servers.append(server)
        return f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    yield listen
    for server in servers:
        server.close()
        await server.wait_closed()
