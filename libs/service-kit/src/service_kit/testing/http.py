"""Talk to an application: in this process, or through a real server on a real socket."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp


@asynccontextmanager
async def asgi_client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client that calls `app` directly, with its resources started.

    Answers are whole ones; use `live_server` for streams. A crash is the 500 that clients see.
    """
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service.test") as client:
            yield client


@asynccontextmanager
async def live_server(
    app: ASGIApp, *, keep_alive: timedelta = timedelta(seconds=75)
) -> AsyncIterator[str]:
    """Serve `app` in this event loop on a free port of 127.0.0.1; give its base url."""
    config = uvicorn.Config(
        app,
        port=0,
        log_config=None,
        access_log=False,
        ws="none",
        proxy_headers=False,
        timeout_keep_alive=int(keep_alive.total_seconds()),
        timeout_graceful_shutdown=1,
    )
    server = _LoopServer(config)
    serving = asyncio.create_task(server.serve())
    try:
        await asyncio.wait(
            {serving, asyncio.create_task(server.listening.wait())},
            return_when=asyncio.FIRST_COMPLETED,
        )
        yield server.url
    finally:
        server.should_exit = True
        await serving


class _LoopServer(uvicorn.Server):
    """Leaves the signals to pytest, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def serve(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await self._serve(None)

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(None)
        self.listening.set()

    async def shutdown(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        if isinstance(self.config.app, FastAPI) and hasattr(self.config.app.state, "stopping"):
            self.config.app.state.stopping.set()
        await super().shutdown(None)

    @property
    def url(self) -> str:
        port = self.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"
