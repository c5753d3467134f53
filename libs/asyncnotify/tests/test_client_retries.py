import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from asyncnotify import AsyncNotify, Refused, UnexpectedAnswer, Unreachable

ACCEPTED = httpx.Response(202, json={"trace_id": "t", "status": "queued", "status_url": "/"})
FULL = {"code": "queue_full", "detail": "full"}


class Door:
    """Answers with what it is given, one after the other; the last one for ever."""

    def __init__(self, *answers):
        self._answers = list(answers)
        self.keys = []

    def __call__(self, request):
        self.keys.append(request.headers.get("Idempotency-Key"))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def client(self, **options):
        return AsyncNotify("http://door", transport=httpx.MockTransport(self), **options)


PASSING = {
    "not connected": httpx.ConnectError("refused"),
    "broken off": httpx.ReadError("reset"),
    "hung up": httpx.RemoteProtocolError("server disconnected"),
    "no answer in time": httpx.ReadTimeout("slow"),
    "full": httpx.Response(503, json=FULL),
    "too many": httpx.Response(429, json={"code": "too_many_requests"}),
    "in a proxy": httpx.Response(502, html="<html>Bad Gateway</html>"),
    "the first one is under way": httpx.Response(409, json={"code": "idempotency_key_in_use"}),
}


@pytest.mark.parametrize("failure", PASSING.values(), ids=PASSING.keys())
async def test_a_send_is_repeated_under_one_key_when_something_passes(failure):
    door = Door(failure, failure, ACCEPTED)
    async with door.client() as notify:
        answer = await notify.send("ada", "hi")

    assert answer["trace_id"] == "t"
    assert len(door.keys) == 3
    assert len(set(door.keys)) == 1
    assert door.keys[0]


async def test_two_sends_have_two_keys():
    door = Door(ACCEPTED)
    async with door.client() as notify:
        await asyncio.gather(notify.send("ada", "hi"), notify.send("ada", "hi"))

    assert len(set(door.keys)) == 2


async def test_a_key_of_ones_own_is_kept_over_all_attempts():
    door = Door(httpx.ReadError("reset"), ACCEPTED)
    async with door.client() as notify:
        await notify.send("ada", "hi", idempotency_key="order-17")

    assert door.keys == ["order-17"] * 2


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(422, json={"code": "invalid_request"}), Refused),
        (httpx.Response(404, html="<html>"), UnexpectedAnswer),
        (httpx.Response(307, headers={"Location": "/"}), UnexpectedAnswer),
        (httpx.Response(500, json={"code": "internal_error"}), Refused),
    ],
)
async def test_what_does_not_pass_is_not_repeated(answer, error):
    door = Door(answer)
    async with door.client() as notify:
        with pytest.raises(error):
            await notify.send("ada", "hi")

    assert len(door.keys) == 1


async def test_an_intervention_is_not_repeated_by_itself():
    door = Door(httpx.ReadError("reset"))
    async with door.client() as notify:
        for call in (notify.cancel, notify.replay, notify.delete_dead_letter):
            with pytest.raises(Unreachable):
                await call("t")

    assert len(door.keys) == 3


async def test_it_is_given_up_some_day():
    door = Door(httpx.ConnectError("refused"))
    async with door.client(retry_seconds=2) as notify:
        with pytest.raises(Unreachable):
            await notify.send("ada", "hi")

    assert len(door.keys) > 1


@pytest.mark.parametrize("said", [lambda _: "1", format_datetime], ids=["seconds", "date"])
async def test_it_waits_as_long_as_the_answer_asks(said):
    until = in_seconds(2)
    door = Door(httpx.Response(503, json=FULL, headers={"Retry-After": said(until)}), ACCEPTED)
    async with door.client() as notify:
        await notify.send("ada", "hi")

    assert datetime.now(UTC) >= until - timedelta(seconds=1 if said(until) == "1" else 0)
    assert len(door.keys) == 2


async def test_it_does_not_wait_longer_than_it_may_repeat():
    door = Door(httpx.Response(503, json=FULL, headers={"Retry-After": "3600"}))
    async with door.client() as notify:
        with pytest.raises(Refused) as refused:
            await notify.send("ada", "hi")

    assert refused.value.retry_after_seconds == 3600
    assert len(door.keys) == 1


def in_seconds(count):
    # To the full second: a date has no fractions.
    return (datetime.now(UTC) + timedelta(seconds=count)).replace(microsecond=0)
