import json
from datetime import datetime, timedelta, timezone

import httpx
import pytest
from asyncnotify import AsyncNotify, Refused, Unreachable

ACCEPTED = {"trace_id": "t", "status": "queued", "status_url": "/"}


def client_of(handler):
    return AsyncNotify("http://door", retry_seconds=0, transport=httpx.MockTransport(handler))


async def test_send_posts_only_the_fields_that_are_given():
    seen = []

    def door(request):
        seen.append(request)
        return httpx.Response(202, json=ACCEPTED)

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
        return httpx.Response(200, json={"user_id": user_id})

    async with client_of(door) as notify:
        await notify.put_user(user_id, {"email": "a@example.com"})

    assert paths[0].count("/") == 2
    assert paths[0].startswith("/users/")
    assert "?" not in paths[0]


async def test_an_empty_id_is_refused_before_it_becomes_another_path():
    async with client_of(lambda _: pytest.fail("was sent")) as notify:
        with pytest.raises(Refused) as refused:
            await notify.put_user("", {})

    assert [(each["pointer"], each["message"]) for each in refused.value.errors] == [
        ("/user_id", "must not be empty")
    ]


async def test_times_may_be_datetimes_wherever_the_api_takes_one():
    bodies, queries = [], []

    def door(request):
        if request.method == "GET":
            queries.append(request.url.params["since"])
            return httpx.Response(200, json={"items": [], "next_cursor": None})
        bodies.append(json.loads(request.content))
        return httpx.Response(202, json=ACCEPTED)

    at = datetime(2027, 1, 31, 10, tzinfo=timezone(timedelta(hours=1)))
    async with client_of(door) as notify:
        await notify.send("ada", "hi", send_at=at, expires_at="2027-01-31T12:00:00Z")
        await notify.notifications(since=at)

    assert bodies[0]["send_at"] == "2027-01-31T10:00:00+01:00"
    assert bodies[0]["expires_at"] == "2027-01-31T12:00:00Z"
    assert queries == ["2027-01-31T10:00:00+01:00"]


async def test_a_time_without_an_offset_is_refused_as_ambiguous():
    async with client_of(lambda _: pytest.fail("was sent")) as notify:
        with pytest.raises(ValueError, match="offset from UTC"):
            await notify.send("ada", "hi", send_at=datetime(2027, 1, 31))  # noqa: DTZ001


async def test_ten_thousand_emoji_stay_below_the_limit_of_a_body():
    sizes = []

    def door(request):
        sizes.append(len(request.content))
        return httpx.Response(202, json=ACCEPTED)

    async with client_of(door) as notify:
        await notify.send("ada", "\N{PARTY POPPER}" * 10_000)

    assert sizes[0] < 64 * 1024
