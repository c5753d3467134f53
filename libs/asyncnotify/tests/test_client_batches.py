"""Many in one call: each part has its own key, its own answer, and its own second try."""

import json

import httpx
from asyncnotify import AsyncNotify, Client, Invalid

FULL = {"code": "queue_full", "status": 503}
WRONG = {"code": "invalid_request", "errors": [{"pointer": "/message", "message": "is required"}]}


class Door:
    """Answers each batch with a status for each part, by the part's message; notes the batches."""

    def __init__(self, answers):
        self.batches = []
        self._answers = answers

    def __call__(self, request):
        [parts] = json.loads(request.content).values()
        self.batches.append(parts)
        return httpx.Response(200, json={"items": [self._item(each) for each in parts]})

    def _item(self, part):
        problem = self._answers(part, len(self.batches))
        if problem is None:
            return {"status": 202, "trace_id": part["message"]}
        return {"status": problem.get("status", 422), "problem": problem}


def asked(*messages):
    return [{"user_id": "ada", "message": each, "channel": None} for each in messages]


def client_of(door, **options):
    return AsyncNotify("http://door", transport=httpx.MockTransport(door), **options)


async def test_each_part_has_a_key_of_its_own_and_is_answered_in_order():
    door = Door(lambda part, _: WRONG if part["message"] == "b" else None)
    async with client_of(door) as notify:
        first, second, third = await notify.send_batch(asked("a", "b", "c"))

    assert (first.trace_id, third.trace_id) == ("a", "c")
    assert first.error is None
    assert isinstance(second.error, Invalid)
    assert second.error.errors[0]["pointer"] == "/message"
    assert len({each["idempotency_key"] for each in door.batches[0]}) == 3
    assert "channel" not in door.batches[0][0]


async def test_only_what_is_refused_for_now_is_sent_again_under_the_same_key():
    door = Door(lambda part, time: FULL if part["message"] != "b" and time == 1 else None)
    async with client_of(door) as notify:
        items = await notify.send_batch(asked("a", "b", "c"))

    assert [each.trace_id for each in items] == ["a", "b", "c"]
    first, second = door.batches
    assert second == [first[0], first[2]]


async def test_what_stays_refused_is_told_in_the_end():
    door = Door(lambda *_: FULL)
    async with client_of(door, retry_seconds=0) as notify:
        [item] = await notify.send_batch(asked("a"))

    assert item.error.code == "queue_full"
    assert len(door.batches) == 1


async def test_many_go_batch_by_batch():
    door = Door(lambda *_: None)
    async with client_of(door) as notify:
        sent = notify.send_many((each for each in asked(*"abcde")), batch_size=2)
        trace_ids = [each.trace_id async for each in sent]

    assert trace_ids == [*"abcde"]
    assert [len(each) for each in door.batches] == [2, 2, 1]


def test_what_makes_the_notifications_may_call_the_client_that_waits():
    door = Door(lambda *_: None)
    with Client("http://door", transport=httpx.MockTransport(door)) as notify:

        def made():
            for each in asked("a", "b"):
                notify.send_batch(asked("asked by itself"))
                yield each

        assert [each.trace_id for each in notify.send_many(made())] == ["a", "b"]


async def test_users_go_in_one_call():
    door = Door(lambda *_: None)
    users = [{"user_id": "ada", "email": "ada@example.com", "message": "1"}]
    async with client_of(door) as notify:
        [stored] = await notify.put_users(users)

    assert stored.error is None
    assert door.batches == [users]
