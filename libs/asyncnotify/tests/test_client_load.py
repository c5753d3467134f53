import asyncio
import json

import httpx
import pytest
from asyncnotify import AsyncNotify, Unreachable
from testkit.http import live_server
from testkit.scripts import read_request, scripted_server


class Counting:
    """An ASGI application that accepts, and counts how many calls are under way."""

    def __init__(self):
        self.keys = []
        self.under_way = 0
        self.most_at_once = 0

    async def __call__(self, scope, receive, send):
        assert scope["type"] == "http"
        self.under_way += 1
        self.most_at_once = max(self.most_at_once, self.under_way)
        self.keys.append(dict(scope["headers"])[b"idempotency-key"])
        trace_id = str(len(self.keys))
        while (await receive()).get("more_body"):
            pass
        await asyncio.sleep(0)
        self.under_way -= 1
        answer = {"trace_id": trace_id, "status": "queued", "status_url": "/"}
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 202, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


@pytest.mark.slow
async def test_five_thousand_concurrent_sends_go_through_one_client():
    app = Counting()
    # Generous: this process is the server, too, on a machine that may be busy.
    async with live_server(app) as url, AsyncNotify(url, timeout_seconds=60) as notify:
        answers = await asyncio.gather(
            *(notify.send("ada", f"message {number}") for number in range(5_000))
        )

    assert len({answer["trace_id"] for answer in answers}) == 5_000
    assert len(set(app.keys)) == len(app.keys) == 5_000
    assert 1 < app.most_at_once <= 64


async def test_waiting_for_a_turn_is_no_timeout():
    async def slow(_):
        await asyncio.sleep(0.2)
        return httpx.Response(202, json={"trace_id": "t", "status": "q", "status_url": "/"})

    client = AsyncNotify(
        "http://d",
        transport=httpx.MockTransport(slow),
        timeout_seconds=5,
        retry_seconds=0,
        concurrency=1,
    )
    async with client as notify:
        answers = await asyncio.gather(*(notify.send("ada", "hi") for _ in range(30)))

    assert len(answers) == 30


async def test_a_server_that_dribbles_is_given_up():
    async def dribble(reader, writer):
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with (
        scripted_server(dribble) as url,
        AsyncNotify(url, timeout_seconds=0.5, retry_seconds=0) as notify,
    ):
        with pytest.raises(Unreachable, match="in time"):
            await notify.status("t")


BROKE_OFF = "the connection broke off"
NONSENSE = {
    "not HTTP": (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "its answer is not HTTP"),
    "nothing": (b"", BROKE_OFF),
    "half a head": (b"HTTP/1.1 200 OK\r\nContent-Le", BROKE_OFF),
    "half a body": (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", BROKE_OFF),
    "half a chunk": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", BROKE_OFF),
}


@pytest.mark.parametrize(("said", "words"), NONSENSE.values(), ids=NONSENSE.keys())
async def test_a_connection_that_breaks_or_is_no_http_is_no_answer_in_plain_words(said, words):
    async def script(reader, writer):
        await read_request(reader)
        writer.write(said)

    async with scripted_server(script) as url, AsyncNotify(url, retry_seconds=0) as notify:
        with pytest.raises(Unreachable) as unreachable:
            await notify.status("t")

        assert str(unreachable.value) == f"no answer from {url}: {words}"


async def test_why_there_is_no_connection_is_said_in_plain_words():
    async def hang_up(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with scripted_server(hang_up) as free:
        pass
    async with scripted_server(hang_up) as plain:
        faults = {
            free: "nothing listens there",
            "http://nowhere.invalid": "its name was not found",
            plain.replace("http:", "https:"): "no TLS connection",
        }
        for url, words in faults.items():
            async with AsyncNotify(url, retry_seconds=0) as notify:
                with pytest.raises(Unreachable, match=f"no answer from {url}: {words}"):
                    await notify.status("t")


@pytest.mark.parametrize("user_id", ["a/b", "..", ".", "a?b#c", "ü", "a%2Fb", "a b"])
async def test_a_user_id_is_one_segment_on_the_wire(user_id):
    heads = []

    async def script(reader, writer):
        heads.append((await read_request(reader)).split(b"\r\n")[0])
        body = json.dumps({"user_id": user_id}).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    async with scripted_server(script) as url, AsyncNotify(url) as notify:
        await notify.put_user(user_id, {})

    assert heads[0].startswith(b"PUT /users/%" if "." in user_id[:1] else b"PUT /users/")
    assert heads[0].count(b"/") == 3
    assert b"?" not in heads[0]
