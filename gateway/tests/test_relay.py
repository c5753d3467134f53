"""What of a service's answer a client gets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
import pytest_asyncio
from gateway.main import build
from gateway.settings import GatewaySettings
from testkit.http import asgi_client
from testkit.scripts import read_request, scripted_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROBLEM = "application/problem+json"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
NOT_FOUND = (
    f"HTTP/1.1 404 Not Found\r\nContent-Type: {PROBLEM}\r\nContent-Length: 2\r\n\r\n{{}}".encode()
)
Ask = Callable[[str, str], Awaitable[httpx.Response]]


@pytest.mark.parametrize("status", [200, 202, 400, 404, 409, 422, 499])
async def test_an_answer_passes_less_what_is_not_for_clients(client, users, status):
    users.answers(status, body=b"b", content_type="text/x", x_inside="1", location="/x")

    answer = await client.get("/users/a")

    assert (answer.status_code, answer.content) == (status, b"b")
    assert (answer.headers["content-type"], answer.headers["location"]) == ("text/x", "/x")
    assert "x-inside" not in answer.headers


@pytest.mark.parametrize("content_type", [PROBLEM, f"{PROBLEM}; a=b"])
async def test_a_problem_document_passes_whatever_its_status(client, users, content_type):
    users.answers(503, body=b"{}", content_type=content_type)

    answer = await client.get("/users/a")

    assert (answer.status_code, answer.content) == (503, b"{}")


@pytest.mark.parametrize("path", ["/notifications/a", "/notifications/a/events"])
@pytest.mark.parametrize("status", [500, 502, 503, 599])
async def test_a_bare_server_error_does_not_pass(client, publisher, status, path):
    publisher.answers(status, content_type="text/html")

    answer = await client.get(path)

    assert (answer.status_code, answer.json()["code"]) == (503, "upstream_failed")


async def test_a_refusal_without_end_is_cut(client, publisher):
    publisher.answers(404, body=b"x" * 100_000, content_type="text/x")

    answer = await client.get("/events")

    assert (answer.status_code, answer.json()["code"]) == (503, "upstream_failed")


@pytest.mark.parametrize("value", [b"/caf\xc3\xa9\xff", b"/caf\xc3\xa9", b"/x"])
async def test_header_bytes_beyond_ascii_come_back_as_they_are(door, service, value):
    service.answers(200, body=b"{}")
    service.headers = [(b"location", value)]

    answer = await door.say(
        b"GET /users/a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    )

    assert b"\r\nlocation: " + value + b"\r\n" in answer


@pytest_asyncio.fixture(loop_scope="module")
async def ask_twice() -> AsyncIterator[Ask]:
    """Ask a service that hangs up on a kept connection, and finds nothing on the next one."""
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await read_request(reader)
        writer.write(OK if connections == 1 else NOT_FOUND)
        if connections == 1:
            await read_request(reader)

    async with (
        scripted_server(serve) as url,
        asgi_client(build(GatewaySettings(publisher_url=url, user_service_url=url))) as client,
    ):

        async def ask(method: str, path: str) -> httpx.Response:
            await client.get(path)
            return await client.request(method, path)

        yield ask
    assert connections == 2


@pytest.mark.parametrize(
    ("path", "status"), [("/users/a", 204), ("/notifications/a", 404), ("/dead-letters/a", 404)]
)
async def test_only_of_users_not_found_says_that_a_repeated_deletion_is_done(
    ask_twice, path, status
):
    assert (await ask_twice("DELETE", path)).status_code == status


async def test_what_is_not_found_twice_is_not_found(ask_twice):
    assert (await ask_twice("GET", "/users/a")).status_code == 404


async def test_a_deletion_that_was_asked_for_once_and_finds_nothing_says_so(client, users):
    users.answers(404, body=b"{}", content_type=PROBLEM)

    assert (await client.delete("/users/a")).status_code == 404
