"""What reached nobody, over HTTP."""

import json
from contextlib import asynccontextmanager

import pytest
from asyncnotify_lab.messages import Arrival, ArrivalStore
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from testkit.http import live_server


@pytest.fixture
def lab():
    """The part of the lab's API that is asked, over a store of the lab's own."""
    store = ArrivalStore()

    async def messages(request):
        query = dict(request.query_params)
        limit = int(query.pop("limit"))
        found = store.find(limit=limit, **query)
        return JSONResponse({"messages": [each.as_json() for each in found]})

    @asynccontextmanager
    async def run():
        app = Starlette(routes=[Route("/lab/messages", messages)])
        async with live_server(app) as url:
            yield url, store

    return run


async def test_what_fakes_took_is_shown_as_it_was_sent_newest_first(in_memory):
    async with in_memory() as (send, http):
        mail = await send(
            message="hello", channel="email", subject="Hi", html="<p>hello</p>", data={"a": 1}
        )
        await send.until(mail, "sent")
        text = await send(message="é" * 161, channel="sms")
        await send.until(text, "sent")

        newest, oldest = (await http.get("/outbox")).json()["items"]
        only = (await http.get("/outbox", params={"channel": "email"})).json()

    assert (newest["trace_id"], newest["channel"], newest["segments"]) == (text, "sms", 2)
    assert (newest["html"], newest["subject"], newest["data"]) == (None, None, None)
    assert (oldest["trace_id"], oldest["provider"]) == (mail, "fake")
    assert (oldest["subject"], oldest["html"], oldest["data"]) == ("Hi", "<p>hello</p>", {"a": 1})
    assert (oldest["address"], oldest["segments"]) == ("ada@example.com", None)
    assert only == {"items": [oldest], "next_cursor": None}


async def test_what_was_captured_is_shown_as_such(in_memory):
    async with in_memory(DELIVERY="capture") as (send, http):
        await send.until(await send(), "sent")

        [item] = (await http.get("/outbox")).json()["items"]

    assert (item["delivery_mode"], item["provider"]) == ("captured", None)


async def test_it_comes_in_pages(in_memory, outbox):
    async with in_memory() as (send, http):
        for number in range(5):
            await send.until(await send(message=str(number)), "sent")
        found, query = [], {"limit": 2}
        while query:
            page = (await http.get("/outbox", params=query)).json()
            found.append([each["message"] for each in page["items"]])
            query = page["next_cursor"] and {"limit": 2, "cursor": page["next_cursor"]}

    assert found == [["4", "3"], ["2", "1"], ["0"]]


@pytest.mark.parametrize("cursor", ["x", "W10=", "eyJmaWxlIjogMX0=", "eyJmaWxlIjogIngifQ=="])
async def test_a_cursor_of_somebodys_own_is_refused(in_memory, cursor):
    async with in_memory() as (_, http):
        refused = await http.get("/outbox", params={"cursor": cursor})

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "invalid_cursor")


async def test_where_nothing_is_kept_that_is_said(in_memory):
    async with in_memory(FAKE_OUTBOX=None) as (_, http):
        refused = await http.get("/outbox")

    assert (refused.status_code, refused.json()["code"]) == (404, "no_outbox")
    assert "FAKE_OUTBOX" in refused.json()["detail"]


async def test_what_the_lab_took_stands_among_the_rest(in_memory, outbox, lab):
    trace_id = "019c0f5e-8a3c-7b1e-9a57-3f0c2d1e4b5a"
    async with lab() as (url, store), in_memory(LAB_URL=url) as (send, http):
        sms = Arrival(wire="twilio", kind="sms", to="+12025550101", text="by the lab")
        mail = Arrival(
            wire="smtp",
            kind="email",
            to="ada@example.com",
            subject="Hi",
            headers={"Message-ID": f"<{trace_id}@shop.example>"},
        )
        store.add(sms)
        await send.until(await send(message="by the fake"), "sent")
        store.add(mail)
        found, query = [], {"limit": 1}
        while query:
            page = (await http.get("/outbox", params=query)).json()
            found += page["items"]
            query = page["next_cursor"] and {"limit": 1, "cursor": page["next_cursor"]}

    told = [(each["provider"], each["channel"], each["trace_id"] == trace_id) for each in found]
    by_fake = json.loads(outbox.path.read_text())["trace_id"]
    assert sorted(told) == [
        ("fake", "email", False),
        ("smtp", "email", True),
        ("twilio", "sms", False),
    ]
    assert by_fake in {each["trace_id"] for each in found}
    assert [each["at"] for each in found] == sorted((each["at"] for each in found), reverse=True)


async def test_a_lab_that_is_away_is_said_to_be(in_memory):
    async with in_memory(LAB_URL="http://127.0.0.1:1") as (_, http):
        refused = await http.get("/outbox")

    assert (refused.status_code, refused.json()["code"]) == (503, "outbox_unavailable")
