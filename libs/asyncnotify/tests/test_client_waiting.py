"""Waiting for the end of a notification."""

import json

import httpx
import pytest
from asyncnotify import AsyncNotify, NotEnded, NotFound

TOO_MANY = httpx.Response(503, json={"code": "too_many_streams"})


def record(status):
    return httpx.Response(200, json={"trace_id": "t", "status": status, "timeline": []})


def stream(*statuses):
    events = "".join(
        f"event: status\nid: 1\ndata: {json.dumps({'status': each})}\n\n" for each in statuses
    )
    headers = {"Content-Type": "text/event-stream"}
    return httpx.Response(200, content=events, headers=headers)


class Door:
    """Answers for one notification: its stream, and where it is at each look, the last for ever."""

    def __init__(self, events, *looks):
        self._events = events
        self._looks = list(looks)
        self.prefer = []

    def __call__(self, request):
        if request.method == "POST":
            self.prefer.append(request.headers.get("Prefer"))
            ended = {"trace_id": "t", "status": "sent", "status_url": "/n/t", "timeline": []}
            return httpx.Response(200, json=ended)
        if request.url.path.endswith("/events"):
            return self._events
        return self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]

    def client(self):
        transport = httpx.MockTransport(self)
        return AsyncNotify("http://door", retry_seconds=0, transport=transport)


async def test_it_returns_when_the_notification_has_ended():
    door = Door(stream("queued", "sent"), record("queued"), record("sent"))
    async with door.client() as notify:
        assert (await notify.wait("t")).status == "sent"


@pytest.mark.parametrize(
    "events", [TOO_MANY, httpx.Response(200, html="<html>")], ids=["full", "?"]
)
async def test_it_looks_by_itself_where_changes_can_not_be_followed(events):
    door = Door(events, record("queued"), record("sending"), record("failed"))
    async with door.client() as notify:
        assert (await notify.wait("t")).status == "failed"


async def test_what_has_not_ended_in_time_is_an_error_that_says_where_it_is():
    door = Door(TOO_MANY, record("retrying"))
    async with door.client() as notify:
        with pytest.raises(NotEnded, match=r"t is retrying after 0\.6 s") as late:
            await notify.wait("t", timeout=0.6)

    assert late.value.notification.status == "retrying"
    assert isinstance(late.value, TimeoutError)


async def test_what_is_not_there_is_said_at_once():
    gone = httpx.Response(404, json={"code": "notification_not_found"})
    async with Door(gone, gone).client() as notify:
        with pytest.raises(NotFound):
            await notify.wait("t")


async def test_a_send_may_wait_in_the_same_call():
    door = Door(TOO_MANY)
    async with door.client() as notify:
        accepted = await notify.send("ada", "hi", wait=5)
        await notify.send("ada", "hi")
        await notify.send("ada", "hi", wait=0.2)

    assert door.prefer == ["wait=5", None, "wait=1"]
    assert accepted.is_final
    assert accepted.notification.status == "sent"
