import asyncio
import time

import httpx
import pytest
from asyncnotify.local.ports import free_port
from testkit.http import live_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

SSE = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-cache")]
EVENT = b"id: 1-0\nevent: status\ndata: {}\n\n"


async def seen_until(what, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("path", ["/events", "/notifications/t/events"])
async def test_an_event_arrives_while_the_stream_is_open(http, service, path):
    service.headers, service.events = SSE, [EVENT]

    async with asyncio.timeout(60), http.stream("GET", path) as stream:
        first = await anext(stream.aiter_bytes())
        assert service.open_streams == 1

    assert first == EVENT
    assert stream.headers["Content-Type"] == "text/event-stream"
    assert stream.headers["Cache-Control"] == "no-cache"
    assert "Content-Length" not in stream.headers


async def test_the_head_arrives_before_the_first_event(http, service):
    service.headers, service.events = SSE, [b""]

    async with asyncio.timeout(60), http.stream("GET", "/events") as stream:
        assert stream.status_code == 200


async def test_asking_for_the_head_alone_opens_no_stream_for_long(http, service):
    service.headers, service.events = SSE, [b""]

    async with asyncio.timeout(60):
        answer = await http.head("/events")
        service.events = []
        again = await http.head("/users")

    assert answer.headers["Content-Type"] == "text/event-stream"
    assert again.status_code == 200
    await seen_until(lambda: service.open_streams == 0)


async def test_the_last_event_id_reaches_the_service(http, service):
    service.events = [EVENT]

    async with http.stream("GET", "/events", headers={"Last-Event-ID": "5-0"}):
        pass

    assert ["last-event-id", "5-0"] in service.seen[-1]["headers"]


async def test_a_client_that_leaves_closes_the_stream_of_the_service(http, service):
    service.events = [EVENT]
    async with http.stream("GET", "/events") as stream:
        await anext(stream.aiter_bytes())

    await seen_until(lambda: service.open_streams == 0)


async def test_a_service_that_breaks_off_ends_the_stream_cleanly(http, service):
    service.events, service.breaks_off = [EVENT], True

    async with asyncio.timeout(60), http.stream("GET", "/events") as stream:
        seen = b"".join([chunk async for chunk in stream.aiter_bytes()])

    assert seen == EVENT


async def test_a_stream_that_the_service_refuses_is_its_answer(client, publisher):
    publisher.answers(404, body=b'{"status":404}', content_type="application/problem+json")

    answer = await client.get("/notifications/t/events")

    assert (answer.status_code, answer.content) == (404, b'{"status":404}')
    assert publisher.open_streams == 0


async def test_a_stream_that_has_nothing_more_to_say_is_204(http, service):
    service.status, service.body = 204, b""

    answer = await http.get("/notifications/t/events")

    assert (answer.status_code, answer.content) == (204, b"")


async def test_a_service_that_is_down_refuses_streams_with_503(open_door):
    async with (
        open_door(f"http://127.0.0.1:{free_port()}") as door,
        httpx.AsyncClient(base_url=door.url, trust_env=False, timeout=60) as client,
    ):
        answer = await client.get("/events")

    assert answer.status_code == 503
    assert answer.json()["code"] == "upstream_unavailable"


async def test_a_service_that_does_not_begin_a_stream_is_given_up(open_door, service):
    service.pause = 60
    async with (
        live_server(service) as url,
        open_door(url, upstream_timeout_seconds=1) as door,
        httpx.AsyncClient(base_url=door.url, trust_env=False, timeout=60) as client,
    ):
        answer = await client.get("/events")

    assert (answer.status_code, answer.json()["code"]) == (503, "upstream_timeout")


async def test_streams_take_no_connection_from_calls(open_door, service):
    async with (
        live_server(service) as url,
        open_door(url, upstream_max_connections=1) as door,
        httpx.AsyncClient(base_url=door.url, trust_env=False, timeout=60) as client,
    ):
        service.events = [EVENT]
        async with client.stream("GET", "/events"), client.stream("GET", "/events"):
            service.events = []
            answer = await client.get("/users/ada")

    assert answer.status_code == 200


async def test_a_gateway_that_stops_ends_its_streams(open_door, service):
    service.headers, service.events = SSE, [EVENT]
    async with (
        live_server(service) as url,
        httpx.AsyncClient(trust_env=False, timeout=60) as client,
    ):
        async with open_door(url) as door:
            asked = client.build_request("GET", f"{door.url}/events")
            chunks = (await client.send(asked, stream=True)).aiter_bytes()
            first = await anext(chunks)
        rest = [chunk async for chunk in chunks]

    assert (first, rest) == (EVENT, [])
