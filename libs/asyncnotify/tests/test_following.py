import json

import httpx
import pytest
from asyncnotify import AsyncNotify, Refused, UnexpectedAnswer, Unreachable

NOTHING_MORE = httpx.Response(204)


def event(number, status, **fields):
    data = json.dumps({"trace_id": "t", "status": status, **fields}, ensure_ascii=False)
    return f"event: status\nid: {number}\ndata: {data}\n\n"


def stream(*parts):
    headers = {"Content-Type": "text/event-stream; charset=utf-8"}
    return httpx.Response(200, content="retry: 10\n\n" + "".join(parts), headers=headers)


class Door:
    """Answers each connection with the next answer; notes the `Last-Event-ID` of each."""

    def __init__(self, *answers):
        self._answers = list(answers)
        self.last_event_ids = []
        self.told = []

    def __call__(self, request):
        self.last_event_ids.append(request.headers.get("Last-Event-ID"))
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def changes(self, trace_id="t", *, first=None, retry_seconds=0, **options):
        transport = httpx.MockTransport(self)
        async with AsyncNotify(
            "http://door", retry_seconds=retry_seconds, transport=transport
        ) as notify:
            found = []
            async for change in notify.changes(trace_id, on_reconnect=self.told.append, **options):
                found.append(change)
                if len(found) == first:
                    break
            return found


async def test_changes_come_with_their_ids_until_the_notification_has_ended():
    door = Door(stream(event("7-0", "queued"), ": keep-alive\n\n", event("8-0", "sent")))

    changes = await door.changes(last_event_id="6-0")

    assert [(each["event"], each["id"], each["status"]) for each in changes] == [
        ("status", "7-0", "queued"),
        ("status", "8-0", "sent"),
    ]
    assert door.last_event_ids == ["6-0"]
    assert door.told == []


PASSING = {
    "the stream ended": None,
    "the connection broke": httpx.ReadError("reset"),
    "nobody listens": httpx.ConnectError("refused"),
    "a service is away": httpx.Response(503, json={"code": "upstream_unavailable"}),
    "a proxy says so": httpx.Response(502, html="<html>"),
}


@pytest.mark.parametrize("trouble", PASSING.values(), ids=PASSING.keys())
async def test_they_go_on_after_the_last_one_when_the_gateway_was_away(trouble):
    away = [] if trouble is None else [trouble]
    door = Door(
        stream(event(1, "queued"), event(2, "validated")), *away, stream(event(3, "failed"))
    )

    changes = await door.changes()

    assert [each["status"] for each in changes] == ["queued", "validated", "failed"]
    assert door.last_event_ids == [None, *["2"] * (len(away) + 1)]
    assert len(door.told) == len(away) + 1
    assert isinstance(door.told[0], Unreachable)


async def test_half_an_event_is_none():
    door = Door(stream(event(1, "queued"), event(2, "sent").rstrip()), stream(event(2, "sent")))

    changes = await door.changes()

    assert [each["status"] for each in changes] == ["queued", "sent"]
    assert door.last_event_ids == [None, "1"]


async def test_an_end_that_was_seen_already_ends_it():
    door = Door(stream(event(1, "a-status-of-tomorrow")), NOTHING_MORE)

    assert len(await door.changes()) == 1
    assert door.last_event_ids == [None, "1"]


async def test_missed_changes_are_reported():
    door = Door(stream("event: missed\ndata: {}\n\n", event(9, "sent")))

    [missed, change] = await door.changes(None, first=2, last_event_id="1")

    assert (missed["event"], missed["status"]) == ("missed", None)
    assert change["id"] == "9"


async def test_a_gap_that_cannot_be_filled_is_reported():
    """Nothing had happened yet when the stream broke: there is no id to go on from."""
    door = Door(stream(), stream(event(2, "sent")))

    changes = await door.changes(None, first=2)

    assert [each["event"] for each in changes] == ["missed", "status"]


async def test_changes_of_all_go_on_after_one_has_ended():
    door = Door(stream(event(1, "sent"), event(2, "failed")), stream(event(3, "queued")))

    changes = await door.changes(None, first=3)

    assert [each["id"] for each in changes] == ["1", "2", "3"]


@pytest.mark.parametrize("char", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c", "\x1e"])
async def test_only_line_feeds_and_carriage_returns_end_a_line(char):
    data = json.dumps({"user_id": f"a{char}b", "status": "sent"}, ensure_ascii=False)
    door = Door(stream(f"event: status\r\nid: 1\r\ndata: {data}\r\n\r\n"))

    [change] = await door.changes()

    assert change["user_id"] == f"a{char}b"


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
async def test_lines_end_in_all_three_ways_that_the_standard_knows(end):
    door = Door(stream(event(1, "queued").replace("\n", end), event(2, "sent").replace("\n", end)))

    assert [each["id"] for each in await door.changes()] == ["1", "2"]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(404, json={"code": "notification_not_found"}), Refused),
        (httpx.Response(200, html="<html>"), UnexpectedAnswer),
        (httpx.Response(302, headers={"Location": "/login"}), UnexpectedAnswer),
        (stream("event: status\ndata: no JSON\n\n"), UnexpectedAnswer),
        (httpx.ConnectError("refused"), Unreachable),
    ],
)
async def test_what_is_wrong_from_the_start_is_raised(answer, error):
    with pytest.raises(error):
        await Door(answer).changes()


async def test_a_notification_that_is_gone_meanwhile_is_an_error_not_an_end():
    door = Door(
        stream(event(1, "queued")), httpx.Response(404, json={"code": "notification_not_found"})
    )

    with pytest.raises(Refused):
        await door.changes()


async def test_the_first_connection_is_tried_again_as_calls_are():
    door = Door(httpx.ConnectError("refused"), stream(event(1, "sent")))

    assert len(await door.changes(retry_seconds=30)) == 1
    assert door.told == []
