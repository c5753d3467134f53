import json

import httpx
import pytest
from asyncnotify import AsyncNotify, Refused, Unreachable


def client_of(handler):
    return AsyncNotify("http://door", transport=httpx.MockTransport(handler))


async def test_send_posts_only_the_fields_that_are_given():
    seen = []

    def door(request):
        seen.append(request)
        return httpx.Response(202, json={"trace_id": "t", "status": "queued", "status_url": "/"})

    async with client_of(door) as notify:
        answer = await notify.send("ada", "hi", idempotency_key="k-1", channel="sms", subject=None)

    assert answer["trace_id"] == "t"
    assert json.loads(seen[0].content) == {"user_id": "ada", "message": "hi", "channel": "sms"}
    assert seen[0].headers["Idempotency-Key"] == "k-1"


async def test_a_problem_document_becomes_an_error_with_every_bad_field():
    problem = {
        "code": "invalid_request",
        "detail": "1 field is wrong",
        "errors": [{"pointer": "/message", "code": "missing", "message": "is required"}],
    }

    def door(request):
        return httpx.Response(422, json=problem)

    async with client_of(door) as notify:
        with pytest.raises(Refused, match="1 field is wrong") as refused:
            await notify.send("ada", "")

    assert (refused.value.status, refused.value.code) == (422, "invalid_request")
    assert refused.value.errors == problem["errors"]


async def test_a_refusal_for_now_says_when_to_try_again():
    def door(request):
        return httpx.Response(503, json={"code": "queue_full"}, headers={"Retry-After": "5"})

    async with client_of(door) as notify:
        with pytest.raises(Refused) as refused:
            await notify.send("ada", "hi")

    assert refused.value.retry_after_seconds == 5


async def test_no_answer_is_told_apart_from_a_refusal():
    def door(request):
        raise httpx.ConnectError("connection refused")

    async with client_of(door) as notify:
        with pytest.raises(Unreachable, match="http://door"):
            await notify.status("t")


@pytest.mark.parametrize("user_id", ["a/b", "..", "a?b#c", "ü"])
async def test_a_user_id_stays_one_segment_of_the_path(user_id):
    paths = []

    def door(request):
        paths.append(request.url.raw_path.decode())
        return httpx.Response(200, json={})

    async with client_of(door) as notify:
        await notify.put_user(user_id, {"email": "a@example.com"})

    assert paths[0].count("/") == 2
    assert paths[0].startswith("/users/")
    assert "?" not in paths[0]


async def test_changes_are_yielded_as_they_come():
    def door(request):
        assert request.headers["Last-Event-ID"] == "7"
        stream = (
            "event: missed\ndata: {}\n\n"
            'id: 8\nevent: status\ndata: {"status": "sent"}\n\n: keep-alive\n\n'
        )
        return httpx.Response(200, text=stream)

    async with client_of(door) as notify:
        changes = [change async for change in notify.changes("t", last_event_id="7")]

    assert changes == [{"status": "sent"}]
