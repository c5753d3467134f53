"""A server on loopback that a test scripts, and that leaves nothing open when the test ends."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def stream_server(handle: Handler, **options: Any) -> AsyncIterator[asyncio.Server]:  # noqa: ANN401 - those of `asyncio.start_server`
    """Run a server; each connection is closed when its handler returns, and all at the end."""
    writers: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(reader, writer)
        finally:
            writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Not a coroutine: of one that is cancelled before its first step nobody has the writer.
        writers[asyncio.create_task(serve(reader, writer))] = writer

    server = await asyncio.start_server(accept, "127.0.0.1", 0, **options)
    try:
        yield server
    finally:
        server.close()
        for task in writers:
            task.cancel()
        await asyncio.gather(*writers, return_exceptions=True)
        for writer in writers.values():
            writer.close()
        await asyncio.sleep(0)  # what was just closed tells so in the loop's next turn


def port_of(server: asyncio.Server) -> int:
    """Return where it listens."""
    port: int = server.sockets[0].getsockname()[1]
    return port
