from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import pytest
from service_kit.http.client import UpstreamClient
from testkit.logs import LoggedLines, captured_logs
from testkit.scripts import Script, scripted_server


@pytest.fixture(autouse=True)
def logged() -> Iterator[LoggedLines]:
    """Capture what is logged; call it for the lines."""
    with captured_logs("kit") as lines:
        yield lines


@pytest.fixture
async def scripted() -> AsyncIterator[Callable[[Script], Awaitable[str]]]:
    """Start servers that do what a script says; call it for a base url."""
    async with AsyncExitStack() as servers:

        async def start(script: Script) -> str:
            return await servers.enter_async_context(scripted_server(script))

        yield start


@pytest.fixture
def client_of() -> Callable[..., AbstractAsyncContextManager[UpstreamClient]]:
    """Open clients of a base url, for a block."""

    @asynccontextmanager
    async def open_client(url: str, **options) -> AsyncIterator[UpstreamClient]:
        client = UpstreamClient(url, **options)
        await client.start()
        try:
            yield client
        finally:
            await client.stop()

    return open_client
