"""Both roads on the wire."""

import asyncio
import gc
import json

import pytest
from testkit.http import live_server
from testkit.running import until
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle


def plain(body: bytes, *lines: bytes, version: bytes = b"1.1") -> bytes:
    """Write a request by hand."""
    head = (
        b"POST /things HTTP/" + version,
        b"Host: kit",
        b"X-Internal-Token: a-token-of-the-services",
    )
    return b"\r\n".join((*head, *lines, b"Content-Length: %d" % len(body), b"", body))


async def test_answers_keep_the_order_of_the_requests_of_one_connection(dial, things):
    wire = await dial()
    await wire.send(plain(b"1") + plain(b"2", b"Prefer: wait=1") + plain(b"3"))

    said = [json.loads((await wire.answer())[2])["said"] for _ in range(3)]
    assert said == ["1", "2", "3"]
    await wire.send(plain(b"4"))
    assert json.loads((await wire.answer())[2])["said"] == "4"
    assert (things.roads[0], things.roads[-1]) == ("hot", "hot")


async def test_requests_that_wait_for_their_turn_do_not_fill_the_memory(dial, things):
    wire = await dial()
    things.may_go_on.clear()
    await wire.send(b"".join(plain(b"%d" % number) for number in range(1000)))
    await until(lambda: things.roads)
    await asyncio.sleep(0.1)

    waiting = [each for each in gc.get_objects() if type(each) is RequestResponseCycle]
    assert len(waiting) < 300
    things.may_go_on.set()
    said = [json.loads((await wire.answer())[2])["said"] for _ in range(1000)]
    assert said == [str(number) for number in range(1000)]


async def test_a_body_may_come_in_pieces(dial, things):
    wire = await dial()
    whole = plain(b"hello")
    for place in range(len(whole)):
        await wire.send(whole[place : place + 1])
        await asyncio.sleep(0)

    assert json.loads((await wire.answer())[2]) == {"said": "hello"}
    assert things.roads == ["hot"]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [(plain(b"x", b"Connection: close"), "hot"), (plain(b"x", version=b"1.0"), "general")],
)
async def test_a_connection_ends_where_the_client_says_so(dial, things, request_, expected):
    wire = await dial()
    await wire.send(request_)

    status, headers, _ = await wire.answer()
    assert (status, headers[b"connection"]) == (202, b"close")
    assert await wire.rest() == b""
    assert things.roads == [expected]


@pytest.mark.parametrize("hot", [True, False])
@pytest.mark.parametrize("sent", [plain(b"hello"), plain(b"hello")[:-2]], ids=["whole", "half"])
async def test_who_hangs_up_early_is_in_the_log(app, things, logged, hot, sent):
    things.may_go_on.clear()
    async with live_server(app, hot=hot) as url:
        host, port = url.removeprefix("http://").split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        writer.write(sent)
        await writer.drain()
        await until(lambda: things.roads or sent != plain(b"hello"))
        writer.close()
        things.may_go_on.set()
        await until(logged)

    is_whole = sent == plain(b"hello")
    [line] = logged()
    assert line["status"] == (202 if is_whole else 499)
    assert things.done == ([b"hello"] if is_whole else [])


@pytest.mark.parametrize("hot", [True, False])
async def test_what_is_no_request_does_not_take_the_answer_to_the_one_before(app, things, hot):
    things.may_go_on.clear()
    async with live_server(app, hot=hot) as url:
        host, port = url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(plain(b"hello") + b"\0 is no method\r\n\r\n")
        await until(lambda: things.roads)
        things.may_go_on.set()
        answer = await reader.read()
        writer.close()

    assert answer.startswith(b"HTTP/1.1 202 Accepted")
    assert b"connection: close" in answer
    assert answer.endswith(b'{"said":"hello"}')


@pytest.mark.parametrize("hot", [True, False])
@pytest.mark.parametrize("here", [len(plain(b"hello")), len(plain(b"hello")) - 2])
async def test_a_stop_waits_for_what_has_begun(app, things, hot, here):
    things.may_go_on.clear()
    server = live_server(app, hot=hot)
    host, port = (await server.__aenter__()).removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    whole = plain(b"hello")
    writer.write(whole[:here])
    await asyncio.sleep(0.05)
    stopping = asyncio.create_task(server.__aexit__(None, None, None))
    await asyncio.sleep(0.05)
    writer.write(whole[here:])
    things.may_go_on.set()

    answer = await reader.read()
    await stopping
    assert answer.startswith(b"HTTP/1.1 202 Accepted")
    assert b"connection: close" in answer
    assert things.done == [b"hello"]
    writer.close()
