"""Talk to an application: in this process, or through a real server on a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import httpx
import uvicorn
from fastapi import FastAPI
from service_kit.http.hot import hot_calls_of
from service_kit.http.limits import ServerLimits
from service_kit.http.protocol import protocol_of
from starlette.types import ASGIApp

from testkit.patience import AsyncPatientTransport

DEFAULT_LIMITS: Final = ServerLimits()


@asynccontextmanager
async def asgi_client(
    app: FastAPI, *, is_patient: bool = False
) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client that calls `app` directly, with its resources started.

    Answers are whole ones; use `live_server` for streams. A crash is the 500 that clients see. A
    patient client calls again after a 503.
    """
    async with app.router.lifespan_context(app):
        transport: httpx.AsyncBaseTransport
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        if is_patient:
            transport = AsyncPatientTransport(transport)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client


@asynccontextmanager
async def hot_client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client of a server on which plain requests of hot calls go the hot road."""
    async with live_server(app) as url, httpx.AsyncClient(base_url=url, timeout=60) as client:
        yield client


@asynccontextmanager
async def live_server(
    app: ASGIApp, *, limits: ServerLimits = DEFAULT_LIMITS, hot: bool = True
) -> AsyncIterator[str]:
    """Serve `app` in this event loop, on a free port of 127.0.0.1; give its base url.

    If not `hot`, its hot calls go the general road.
    """
    config = uvicorn.Config(
        app,
        http=protocol_of(limits, hot_calls_of(app) if hot else None),
        log_config=None,
        access_log=False,
        ws="none",
        proxy_headers=False,
        timeout_graceful_shutdown=1,
    )
    server = _LoopServer(config)
    listener = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve([listener]))
    try:
        await server.answering.wait()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.leaving.set()
        await serving


class _LoopServer(uvicorn.Server):
    """Leaves the signals to pytest, and tells the application when it stops."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answering = asyncio.Event()
        self.leaving = asyncio.Event()

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        await self._serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.answering.set()

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.leaving.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if isinstance(self.config.app, FastAPI) and hasattr(self.config.app.state, "stopping"):
            self.config.app.state.stopping.set()
        await super().shutdown(sockets)
