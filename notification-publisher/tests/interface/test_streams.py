"""Event streams through a real server: an in-process client would only see whole answers."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI
from notification_contracts.states import Status
from notification_contracts.trace_ids import new_trace_id
from notification_ledger.record import ChangesMissed, NotificationRecord, StatusChange
from notification_publisher.infrastructure.memory import InMemoryFeed, InMemoryRecords
from notification_publisher.interface.streams import stream_routes
from notification_publisher.interface.vocabulary import PROBLEMS
from service_kit.http.app import build_app
from testkit.http import live_server

MakeRecord = Callable[..., NotificationRecord]
MakeChange = Callable[[str, Status], StatusChange]
LIMIT = 2


@pytest.fixture
def feed() -> InMemoryFeed:
    return InMemoryFeed()


@pytest.fixture
def record(make_record: MakeRecord) -> NotificationRecord:
    return make_record(Status.QUEUED)


@pytest.fixture
def app(feed: InMemoryFeed, record: NotificationRecord) -> FastAPI:
    keep_alive = timedelta(milliseconds=50)
    routes = stream_routes(InMemoryRecords(record), feed, limit=LIMIT, keep_alive=keep_alive)
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
    client: httpx.AsyncClient,
    feed: InMemoryFeed,
    record: NotificationRecord,
    make_change: MakeChange,
) -> None:
    path = f"/notifications/{record.trace_id}/events"
    async with listening(client, path) as listener:
        assert await listener.block() == ["retry: 3000"]
        first = await listener.event()
        await feed.happen(make_change(new_trace_id(), Status.FAILED))
        await feed.happen(make_change(record.trace_id, Status.SENDING))
        await feed.happen(make_change(record.trace_id, Status.SENT))
        events = [first, await listener.event(), await listener.event()]

        assert await listener.event() == {}

    assert listener.response.headers["Content-Type"].startswith("text/event-stream")
    assert [(each["event"], each["id"]) for each in events] == [
        ("status", "0"),
        ("status", "2"),
        ("status", "3"),
    ]
    assert events[2]["data"] == (
        f'{{"trace_id":"{record.trace_id}","user_id":"user_test","channel":"email",'
        '"status":"sent","reason":null,"at":"2027-01-31T09:00:01Z"}'
    )


async def test_whoever_comes_back_goes_on_after_the_last_event_that_it_saw(
    client: httpx.AsyncClient,
    feed: InMemoryFeed,
    record: NotificationRecord,
    make_change: MakeChange,
) -> None:
    for status in (Status.QUEUED, Status.VALIDATED, Status.SENT):
        await feed.happen(make_change(record.trace_id, status))

    path = f"/notifications/{record.trace_id}/events"
    async with listening(client, path, Last_Event_ID="1") as listener:
        ids = [(await listener.event()).get("id") for _ in range(3)]

    assert ids == ["2", "3", None]


async def test_an_idle_stream_says_that_it_is_alive(client: httpx.AsyncClient) -> None:
    async with listening(client, "/events") as listener:
        blocks = [await listener.block() for _ in range(3)]

    assert blocks == [["retry: 3000"], [": keep-alive"], [": keep-alive"]]


async def test_the_stream_of_all_tells_when_changes_were_missed(
    client: httpx.AsyncClient, feed: InMemoryFeed, make_change: MakeChange
) -> None:
    async with listening(client, "/events") as listener:
        await listener.block()
        await feed.happen(ChangesMissed())
        await feed.happen(make_change(new_trace_id(), Status.SENT))

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
    client: httpx.AsyncClient, record: NotificationRecord, path: str
) -> None:
    answer = await client.get(path.format(record.trace_id), headers={"Last-Event-ID": "nonsense"})

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
