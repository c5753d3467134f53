"""What clients see when a service is in trouble, through sockets on both sides."""

import asyncio

import aiohttp
import httpx
import pytest
from asyncnotify.local.ports import free_port
from testkit.http import live_server

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_service_that_is_down_is_503_with_retry_after(open_door):
    async with open_door(f"http://127.0.0.1:{free_port()}") as door:
        answer = await post(door)

    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) > 0
    problem = answer.json()
    assert problem["code"] == "upstream_unavailable"
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    assert "127.0.0.1" not in answer.text


async def test_a_service_that_comes_back_is_reached_again(open_door, service):
    async with live_server(service) as first_url, open_door(first_url) as door:
        assert (await post(door)).status_code == 200
    port = int(first_url.rpartition(":")[2])

    async with open_door(first_url) as door:
        assert (await post(door)).status_code == 503
        server = await asyncio.start_server(answer_empty, "127.0.0.1", port)
        assert (await post(door)).status_code == 200
        server.close()


async def test_a_slow_service_is_503_in_time(open_door, service):
    service.pause = 60
    async with (
        live_server(service) as url,
        open_door(url, upstream_timeout_seconds=1) as door,
    ):
        async with asyncio.timeout(60):
            answer = await post(door)

    assert answer.status_code == 503
    assert answer.json()["code"] == "upstream_timeout"
    assert "Retry-After" in answer.headers


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf",
        b"HTTP/1.1 500 Oops\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nsecret",
    ],
)
async def test_a_service_that_breaks_off_is_503(open_door, raw_service, garbage):
    async with open_door(await raw_service(garbage, resets=True)) as door:
        answer = await post(door)

    assert answer.status_code == 503
    assert answer.json()["code"] == "upstream_failed"
    assert "secret" not in answer.text


async def test_readiness_follows_the_services(open_door, service):
    async with live_server(service) as url, open_door(url) as door:
        ready = await get(door, "/health/ready")
        service.status = 503
        unready = await get(door, "/health/ready")
        alive = await get(door, "/health/live")

    assert ready.status_code == 200
    assert set(ready.json()["checks"]) == {"notification-publisher", "user-service"}
    assert unready.status_code == 503
    assert alive.status_code == 200


async def test_64_clients_at_once_are_all_answered(open_door, service):
    service.status, service.body, service.pause = 202, b"{}", 0.01
    async with live_server(service) as url, open_door(url) as door:
        bodies = [f'{{"n":{n}}}' for n in range(640)]
        async with aiohttp.ClientSession(
            door.url, connector=aiohttp.TCPConnector(limit=64)
        ) as client:
            statuses = await asyncio.gather(*(status_of(client, body) for body in bodies))

    assert set(statuses) == {202}
    assert sorted(seen["body"] for seen in service.seen) == sorted(bodies)


async def test_metrics_count_by_route_and_never_by_id(door, service):
    await get(door, "/users/ada")

    metrics = (await get(door, "/metrics")).text

    assert 'route="/users/{user_id}"' in metrics
    assert "ada" not in metrics


async def status_of(client, body):
    async with client.post("/notifications", data=body) as answer:
        return answer.status


async def post(door):
    async with httpx.AsyncClient(base_url=door.url, trust_env=False, timeout=60) as client:
        return await client.post("/notifications", content=b"{}")


async def get(door, path):
    async with httpx.AsyncClient(base_url=door.url, trust_env=False, timeout=60) as client:
        return await client.get(path)


async def answer_empty(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()
