"""Event streams through a real server: an in-process client would only see whole answers."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from durable_queue.port import Change
from fastapi import FastAPI
from notification_contracts.states import Status
from notification_contracts.trace_ids import new_trace_id
from notification_ledger import memory
from notification_ledger.memory import MemoryLedger
from notification_ledger.status_update import StatusUpdate
from notification_publisher.interface.problems import PROBLEMS
from notification_publisher.interface.streams import stream_routes
from service_kit.http.app import build_app
from service_kit.http.streams import StreamSlots
from testkit.http import live_server
from testkit.ledger.harness import recorded

KNOWN = StatusUpdate(status=Status.QUEUED, user_id="user_test", channel="email").encode()
LIMIT = 2


@pytest.fixture
async def trace_id(ledger: MemoryLedger) -> str:
    trace_id = new_trace_id()
    ledger(recorded(trace_id, Change.ENQUEUED, KNOWN))
    return trace_id


@pytest.fixture
def app(ledger: MemoryLedger) -> FastAPI:
    routes = stream_routes(ledger, slots=StreamSlots(LIMIT), keep_alive=timedelta(milliseconds=50))
    return build_app(service="test", title="test", routers=[routes], problems=PROBLEMS, checks={})


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with live_server(app) as url, httpx.AsyncClient(base_url=url, timeout=60) as client:
        yield client


class Listener:
    """Reads one stream, block by block."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.aiter_lines()

    async def block(self) -> list[str]:
        """Return the lines up to the next empty one; an empty list at the end of the stream."""
        lines: list[str] = []
        async for line in self._lines:
            if not line:
                return lines
            lines.append(line)
        return lines

    async def event(self) -> dict[str, str]:
        """Return the fields of the next event, past hints and comments."""
        while lines := await self.block():
            fields = dict(line.split(": ", 1) for line in lines if not line.startswith(":"))
            if "event" in fields:
                return fields
        return {}


@asynccontextmanager
async def listening(
    client: httpx.AsyncClient, path: str, **headers: str
) -> AsyncIterator[Listener]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.stream("GET", path, headers=named) as response:
        yield Listener(response)


async def test_a_stream_tells_the_state_then_each_change_and_ends_with_the_notification(
    client: httpx.AsyncClient, ledger: MemoryLedger, trace_id: str
) -> None:
    seen = await ledger.latest_change()
    async with listening(client, f"/notifications/{trace_id}/events") as listener:
        assert await listener.block() == ["retry: 3000"]
        first = await listener.event()
        ids = []
        for each, change in (
            (new_trace_id(), Change.DEAD),
            (trace_id, Change.STARTED),
            (trace_id, Change.DONE),
        ):
            ledger(recorded(each, change))
            ids.append(await ledger.latest_change())
        events = [first, await listener.event(), await listener.event()]

        assert await listener.event() == {}

    assert listener.response.headers["Content-Type"].startswith("text/event-stream")
    assert [(each["event"], each["id"]) for each in events] == [
        ("status", seen),
        ("status", ids[1]),
        ("status", ids[2]),
    ]
    data = json.loads(events[2]["data"])
    expected = {
        "trace_id": trace_id,
        "user_id": "user_test",
        "channel": "email",
        "status": "sent",
        "reason": None,
    }
    assert expected.items() <= data.items()


async def test_a_client_that_returns_goes_on_after_the_last_event_that_it_saw(
    client: httpx.AsyncClient, ledger: MemoryLedger, trace_id: str
) -> None:
    expected = [await ledger.latest_change()]
    for change in (Change.FORWARDED, Change.DONE):
        ledger(recorded(trace_id, change))
        expected.append(await ledger.latest_change())

    path = f"/notifications/{trace_id}/events"
    async with listening(client, path, Last_Event_ID=expected[0]) as listener:
        ids = [(await listener.event()).get("id") for _ in range(3)]

    assert ids == [*expected[1:], None]


async def test_an_idle_stream_says_that_it_is_alive(client: httpx.AsyncClient) -> None:
    async with listening(client, "/events") as listener:
        blocks = [await listener.block() for _ in range(3)]

    assert blocks == [["retry: 3000"], [": keep-alive"], [": keep-alive"]]


async def test_the_stream_of_all_tells_when_changes_were_missed(
    client: httpx.AsyncClient, ledger: MemoryLedger
) -> None:
    seen = await ledger.latest_change()
    for _ in range(memory.MAX_CHANGES + 1):
        ledger(recorded("busy", Change.RELEASED))

    async with listening(client, "/events", Last_Event_ID=seen) as listener:
        events = [await listener.event() for _ in range(2)]

    assert [each["event"] for each in events] == ["missed", "status"]


async def test_no_more_streams_than_allowed_are_open_at_once(client: httpx.AsyncClient) -> None:
    async with listening(client, "/events") as one, listening(client, "/events") as two:
        await one.block()
        await two.block()
        refused = await client.get("/events")

    assert (refused.status_code, refused.json()["code"]) == (503, "too_many_streams")
    assert int(refused.headers["Retry-After"]) >= 1


async def test_a_stream_whose_client_has_left_makes_room(client: httpx.AsyncClient) -> None:
    async with listening(client, "/events") as one, listening(client, "/events") as two:
        await one.block()
        await two.block()

    async with asyncio.timeout(60):
        while True:
            async with listening(client, "/events") as listener:
                if listener.response.is_success:
                    break


@pytest.mark.parametrize("path", ["/events", "/notifications/{}/events"])
async def test_a_last_event_id_that_is_none_is_refused(
    client: httpx.AsyncClient, trace_id: str, path: str
) -> None:
    answer = await client.get(path.format(trace_id), headers={"Last-Event-ID": "nonsense"})

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/header/last-event-id"]


async def test_an_unknown_notification_has_no_stream(client: httpx.AsyncClient) -> None:
    answer = await client.get(f"/notifications/{new_trace_id()}/events")

    assert (answer.status_code, answer.json()["code"]) == (404, "notification_not_found")


async def test_streams_end_tidily_when_the_server_stops(app: FastAPI) -> None:
    server = live_server(app)
    url = await server.__aenter__()
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        async with listening(client, "/events") as listener:
            await listener.block()
            stopping = asyncio.create_task(server.__aexit__(None, None, None))
            async with asyncio.timeout(60):
                while await listener.block():
                    pass
        await stopping
