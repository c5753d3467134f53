import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
from asyncnotify_prove.tcp_proxy import Direction, TcpProxy
from redis.asyncio import Redis
from testkit.redis_server import RedisServer

Client = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Echo:
    """A server that answers every byte with itself in upper case, and keeps what it was sent."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.is_reset = asyncio.Event()
        self.is_ended = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while chunk := await reader.read(1000):
                self.received += chunk
                writer.write(chunk.upper())
            self.is_ended.set()
        except ConnectionResetError:
            self.is_reset.set()
        finally:
            writer.close()


@pytest.fixture
async def echo() -> AsyncIterator[tuple[Echo, str]]:
    echo = Echo()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    yield echo, f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    await server.wait_closed()


@pytest.fixture
async def proxy(echo: tuple[Echo, str]) -> AsyncIterator[TcpProxy]:
    async with TcpProxy(echo[1]) as proxy:
        yield proxy


@pytest.fixture
def server(echo: tuple[Echo, str]) -> Echo:
    return echo[0]


@pytest.fixture
async def connect(proxy: TcpProxy) -> AsyncIterator[Callable[[], Awaitable[Client]]]:
    writers: list[asyncio.StreamWriter] = []

    async def open_client() -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        writers.append(writer)
        return reader, writer

    yield open_client
    for writer in writers:
        writer.transport.abort()


@pytest.fixture
async def client(connect: Callable[[], Awaitable[Client]]) -> Client:
    return await connect()


@pytest.fixture
def silence() -> Callable[[asyncio.StreamReader], Awaitable[bool]]:
    """Return a function that tells whether nothing comes for a while, not even an end."""

    async def nothing_comes(reader: asyncio.StreamReader) -> bool:
        try:
            async with asyncio.timeout(0.1):
                await reader.read(1)
        except TimeoutError:
            return True
        return False

    return nothing_comes


Silence = Callable[[asyncio.StreamReader], Awaitable[bool]]


async def test_bytes_pass_both_ways_and_are_counted(proxy: TcpProxy, client: Client) -> None:
    reader, writer = client
    writer.write(b"hello")

    assert await reader.readexactly(5) == b"HELLO"
    assert proxy.passed == {Direction.REQUESTS: 5, Direction.REPLIES: 5}
    assert proxy.connections == 1


async def test_end_of_stream_passes_and_the_last_answer_still_comes(
    client: Client, server: Echo
) -> None:
    reader, writer = client
    writer.write(b"bye")
    writer.write_eof()

    assert await reader.read() == b"BYE"
    assert server.is_ended.is_set()


async def test_latency_holds_bytes_back_both_ways(proxy: TcpProxy, client: Client) -> None:
    reader, writer = client
    proxy.latency = timedelta(milliseconds=50)
    started = time.monotonic()

    writer.write(b"x")
    await reader.readexactly(1)

    assert time.monotonic() - started >= 0.1


@pytest.mark.parametrize("n_bytes", [0, 1, 4, 5])
async def test_request_is_cut_after_exactly_so_many_bytes(
    proxy: TcpProxy, client: Client, server: Echo, n_bytes: int
) -> None:
    reader, writer = client
    proxy.reset_after(n_bytes, of=Direction.REQUESTS)

    writer.write(b"hello")

    with pytest.raises(ConnectionResetError):
        await reader.read()
    async with asyncio.timeout(60):
        await server.is_reset.wait()
    assert bytes(server.received) == b"hello"[:n_bytes]


@pytest.mark.parametrize("n_bytes", [0, 1, 4])
async def test_reply_is_cut_after_exactly_so_many_bytes(
    proxy: TcpProxy, client: Client, server: Echo, n_bytes: int
) -> None:
    reader, writer = client
    proxy.reset_after(n_bytes, of=Direction.REPLIES)

    writer.write(b"hello")

    with pytest.raises(ConnectionResetError):
        await reader.read()
    assert bytes(server.received) == b"hello"
    assert proxy.passed[Direction.REPLIES] == n_bytes


async def test_reset_happens_once(
    proxy: TcpProxy, client: Client, connect: Callable[[], Awaitable[Client]]
) -> None:
    proxy.reset_after(2)
    client[1].write(b"hello")
    with pytest.raises(ConnectionResetError):
        await client[0].read()

    reader, writer = await connect()
    writer.write(b"hello")

    assert await reader.readexactly(5) == b"HELLO"


async def test_dropped_replies_do_not_arrive_though_the_server_did_the_work(
    proxy: TcpProxy, client: Client, server: Echo, silence: Silence
) -> None:
    reader, writer = client
    proxy.drop_replies()

    writer.write(b"hello")

    assert await silence(reader)
    assert bytes(server.received) == b"hello"


async def test_blackhole_swallows_both_ways_and_keeps_connections_open(
    proxy: TcpProxy, client: Client, server: Echo, silence: Silence
) -> None:
    reader, writer = client
    proxy.blackhole()

    writer.write(b"hello")

    assert await silence(reader)
    assert not server.received


async def test_healing_resets_only_connections_that_lost_bytes(
    proxy: TcpProxy, client: Client, connect: Callable[[], Awaitable[Client]], silence: Silence
) -> None:
    holed, whole = client, await connect()
    proxy.blackhole()
    holed[1].write(b"lost")
    await silence(holed[0])

    proxy.heal()

    with pytest.raises(ConnectionResetError):
        await holed[0].readexactly(1)
    whole[1].write(b"fine")
    assert await whole[0].readexactly(4) == b"FINE"


async def test_paused_bytes_come_when_it_is_healed(
    proxy: TcpProxy, client: Client, server: Echo, silence: Silence
) -> None:
    reader, writer = client
    proxy.pause()
    writer.write(b"hello")
    assert await silence(reader)
    assert not server.received

    proxy.heal()

    assert await reader.readexactly(5) == b"HELLO"


async def test_close_all_resets_both_sides(proxy: TcpProxy, client: Client, server: Echo) -> None:
    client[1].write(b"a")
    await client[0].readexactly(1)

    proxy.close_all()

    with pytest.raises(ConnectionResetError):
        await client[0].readexactly(1)
    async with asyncio.timeout(60):
        await server.is_reset.wait()


async def test_stopped_proxy_refuses_and_a_started_one_listens_on_the_same_port(
    proxy: TcpProxy, client: Client, connect: Callable[[], Awaitable[Client]]
) -> None:
    port = proxy.port
    await proxy.stop()
    with pytest.raises(ConnectionRefusedError):
        await connect()

    await proxy.start()

    assert proxy.port == port
    reader, writer = await connect()
    writer.write(b"x")
    assert await reader.readexactly(1) == b"X"


async def test_client_is_reset_when_the_server_is_gone() -> None:
    async with TcpProxy("tcp://127.0.0.1:1") as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)

        with pytest.raises(ConnectionResetError):
            await reader.readexactly(1)
        writer.close()


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:6379/3?protocol=3", "redis://user:pa%40ss@127.0.0.1:6379/0"]
)
async def test_url_is_the_targets_but_for_host_and_port(url: str) -> None:
    async with TcpProxy(url) as proxy:
        assert proxy.url == url.replace("6379", str(proxy.port))


async def test_redis_works_through_it(redis_server: RedisServer) -> None:
    async with TcpProxy(redis_server.url) as proxy, Redis.from_url(proxy.url) as connection:
        assert await connection.ping()
