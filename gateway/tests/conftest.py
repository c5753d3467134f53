import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI
from gateway.domain.keys import prefix_in
from gateway.main import build
from gateway.settings import GatewaySettings
from starlette.types import Receive, Scope, Send
from testkit.http import asgi_client, live_server
from testkit.postgres_server import (  # noqa: F401 - fixtures
    emptied_postgres_url,
    postgres_server,
    postgres_url,
)
from testkit.recording_service import RecordingService

App = Callable[[Scope, Receive, Send], Awaitable[None]]


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


@asynccontextmanager
async def _open_door(service_url: str, *, hot: bool = True, **settings: Any) -> AsyncIterator[Door]:
    names = ("publisher_url", "user_service_url", "dispatcher_url")
    urls: Any = dict.fromkeys(names, service_url)
    async with live_server(build(GatewaySettings(**urls, **settings)), hot=hot) as url:
        yield Door(url)


@pytest.fixture
def open_door() -> Callable[..., Any]:
    """Open a gateway on a socket, in front of the service at a url."""
    return _open_door


class Place:
    """Where a service is, on a socket; another one can take its place."""

    def __init__(self) -> None:
        self.service = RecordingService()
        self.url = ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.service(scope, receive, send)

    def renew(self) -> RecordingService:
        self.service = RecordingService()
        return self.service


# Servers take a third of a second to stop, so that a module shares them.
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def places() -> AsyncIterator[tuple[Place, ...]]:
    """The places of the publisher, of the user-service and of the dispatcher."""
    publisher, users, dispatcher = Place(), Place(), Place()
    async with (
        live_server(publisher) as publisher.url,
        live_server(users) as users.url,
        live_server(dispatcher) as dispatcher.url,
    ):
        yield publisher, users, dispatcher


@pytest.fixture
def publisher(places: tuple[Place, ...]) -> RecordingService:
    """The publisher behind `gateway`, a new one for each test."""
    return places[0].renew()


@pytest.fixture
def users(places: tuple[Place, ...]) -> RecordingService:
    """The user-service behind `gateway`, a new one for each test."""
    return places[1].renew()


@pytest.fixture
def dispatcher(places: tuple[Place, ...]) -> RecordingService:
    """The dispatcher behind `gateway`, a new one for each test."""
    return places[2].renew()


@pytest.fixture
def gateway(
    places: tuple[Place, ...],
    publisher: RecordingService,
    users: RecordingService,
    dispatcher: RecordingService,
) -> FastAPI:
    """A gateway in front of a publisher, a user-service and a dispatcher on sockets."""
    publisher_url, users_url, dispatcher_url = (place.url for place in places)
    return build(
        GatewaySettings(
            publisher_url=publisher_url,
            user_service_url=users_url,
            dispatcher_url=dispatcher_url,
        )
    )


@pytest_asyncio.fixture(loop_scope="module")
async def client(gateway: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of `gateway`."""
    async with asgi_client(gateway) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door_and_place() -> AsyncIterator[tuple[Door, Place]]:
    """A gateway, and the place of the service behind it, both on sockets."""
    place = Place()
    async with live_server(place) as service_url, _open_door(service_url) as door:
        yield door, place


@pytest.fixture
def door(door_and_place: tuple[Door, Place]) -> Door:
    return door_and_place[0]


@pytest.fixture
def service(door_and_place: tuple[Door, Place]) -> RecordingService:
    """The service behind `door`, a new one for each test."""
    return door_and_place[1].renew()


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


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path}/data/gateway.db"


@dataclass(frozen=True)
class LockedGateway:
    """A gateway that needs keys, and the first of them."""

    app: FastAPI
    url: str
    key: str

    def client(self, key: str | None = None, **options: Any) -> httpx.AsyncClient:
        """Give a client that shows this key; by default the first one, which may do anything."""
        shown = self.key if key is None else key
        headers = {"Authorization": f"Bearer {shown}"} if shown else {}
        return httpx.AsyncClient(
            base_url=self.url, headers=headers, trust_env=False, timeout=60, **options
        )

    async def new_key(self, *scopes: str, **said: Any) -> str:
        """Make a key; return its text."""
        async with self.client() as admin:
            body = {"name": "for a test", "scopes": scopes, **said}
            made = await admin.post("/keys", json=body)
        assert made.status_code == 201, made.text
        text: str = made.json()["key"]
        return text

    async def revoke(self, key: str) -> None:
        """Revoke a key by its text."""
        async with self.client() as admin:
            answer = await admin.delete(f"/keys/{prefix_in(key)}")
        assert answer.status_code == 200, answer.text


@asynccontextmanager
async def locked_gateway(folder: Path, *service_urls: str) -> AsyncIterator[LockedGateway]:
    """Open a gateway on a socket that needs keys, which are kept in `folder`."""
    names = ("publisher_url", "user_service_url", "dispatcher_url")
    urls: Any = dict(zip(names, service_urls, strict=True))
    settings = GatewaySettings(
        gateway_auth="keys",
        gateway_database_url=f"sqlite+aiosqlite:///{folder}/gateway.db",
        gateway_first_key_path=folder / "first-key",
        internal_token="what-services-know",
        **urls,
    )
    app = build(settings)
    async with live_server(app) as url:
        yield LockedGateway(app, url, (folder / "first-key").read_text().strip())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def locked(
    places: tuple[Place, ...], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[LockedGateway]:
    """A gateway that needs keys, in front of `publisher`, `users` and `dispatcher`."""
    folder = tmp_path_factory.mktemp("locked")
    async with locked_gateway(folder, *(place.url for place in places)) as gateway:
        yield gateway


@pytest.fixture
def open_locked(places: tuple[Place, ...]) -> Callable[..., Any]:
    """Open a gateway that needs keys, which are kept in a folder."""
    return lambda folder: locked_gateway(folder, *(place.url for place in places))
