import asyncio

import pytest
import redis.asyncio
from asyncnotify.local.ports import free_port

READY = "{an:0}:validation.normal:ready"


async def test_a_notification_goes_the_whole_way(on_redis, outbox):
    async with on_redis() as (send, _):
        trace_id = await send("ada", "hello Ada", subject="Hi")

        record = await send.until(trace_id, "sent", "failed")

    assert (record.status, record.channel, record.attempts) == ("sent", "email", 1)
    assert [entry.status for entry in record.timeline] == [
        "queued",
        "validated",
        "sending",
        "sent",
    ]
    [line] = outbox.lines()
    assert line.pop("at")
    assert line == {
        "trace_id": trace_id,
        "channel": "email",
        "address": "ada@example.com",
        "message": "hello Ada",
        "subject": "Hi",
    }


async def test_five_hundred_are_sent_once_each_and_share_look_ups(on_redis, user_service, outbox):
    async with on_redis() as (send, _):
        sent = await asyncio.gather(*(send() for _ in range(500)))
        await outbox.until(500)
        for trace_id in sent:
            await send.until(trace_id, "sent")

    assert sorted(line["trace_id"] for line in outbox.lines()) == sorted(sent)
    # Each stage looks each one up, or shares the look-up of another that asked at the same time.
    assert len(user_service.lookups) < 500


async def test_the_services_secret_goes_to_the_user_service_and_is_asked_for(
    on_redis, user_service, outbox
):
    async with on_redis(INTERNAL_TOKEN="new-0123456789abcdef,old-0123456789abcdef") as (send, http):
        await asyncio.gather(*(send() for _ in range(2)), send("eve"))
        await outbox.until(2)
        refused = await http.get("/providers")

    assert user_service.tokens == {"new-0123456789abcdef"}
    assert (refused.status_code, refused.json()["code"]) == (401, "unknown_caller")


async def test_what_was_stored_before_a_notification_is_what_it_meets(
    on_redis, user_service, outbox
):
    async with on_redis() as (send, _):
        unknown = await send.until(await send("eve"), "failed", "sent")
        user_service.users["eve"] = {"email": "eve@example.com"}
        await send.until(await send("eve"), "sent", "failed")
        user_service.users["eve"] = {"email": "new@example.com"}
        await send.until(await send("eve"), "sent", "failed")
        del user_service.users["eve"]
        deleted = await send.until(await send("eve"), "failed", "sent")

    assert unknown.reason == deleted.reason == "unknown_user"
    assert [line["address"] for line in outbox.lines()] == ["eve@example.com", "new@example.com"]


async def test_a_replay_looks_anew(on_redis, user_service, outbox):
    async with on_redis() as (send, _):
        trace_id = await send("eve")
        await send.until(trace_id, "failed")
        user_service.users["eve"] = {"email": "eve@example.com"}
        await send.queue.replay(trace_id)
        await send.until(trace_id, "sent", seconds=60)

    assert len(outbox.lines()) == 1


async def test_while_the_user_service_is_down_notifications_wait_and_are_then_sent(
    on_redis, user_service, outbox
):
    user_service.is_down = True
    async with on_redis() as (send, _):
        sent = [await send() for _ in range(20)]
        async with asyncio.timeout(60):
            while not all([(await send.ledger.get(each)).reason for each in sent]):
                await asyncio.sleep(0.05)
        waiting = await send.ledger.get(sent[0])
        user_service.is_down = False
        for trace_id in sent:
            await send.until(trace_id, "sent")

    assert (waiting.status, waiting.reason) == ("queued", "contacts_unavailable")
    assert len(outbox.lines()) == 20


async def test_a_user_service_that_cannot_be_reached_loses_nothing(on_redis, outbox):
    async with on_redis(USER_SERVICE_URL=f"http://127.0.0.1:{free_port()}") as (send, http):
        trace_id = await send()
        async with asyncio.timeout(60):
            while (await send.ledger.get(trace_id)).reason != "contacts_unavailable":
                await asyncio.sleep(0.02)
        ready = await http.get("/health/ready")

        assert ready.status_code == 200
        assert ready.json()["checks"]["contacts"]["user_service"] == "gives no answer"
    async with on_redis() as (send, _):
        await send.until(trace_id, "sent")


async def test_an_event_pushed_by_hand_is_sent_and_garbage_is_kept(on_redis, redis_url, outbox):
    by_hand = redis.asyncio.Redis.from_url(redis_url)
    async with on_redis() as (send, _), by_hand:
        await by_hand.rpush(READY, b"\xff\x00 no event")
        await by_hand.rpush(READY, b'{"user_id": "ada", "message": "by hand"}')
        [line] = await outbox.until(1)
        record = await send.until(line["trace_id"], "sent")
        [dead] = await by_hand.zrange("{an:0}:dead", 0, -1)

        assert line["message"] == "by hand"
        assert record.user_id == "ada"
        assert (await send.until(dead.decode(), "failed")).reason == "undecodable"
        assert await by_hand.get(f"{{an:0}}:b:{dead.decode()}") == b"\xff\x00 no event"


@pytest.mark.parametrize("user_id", ["a/b", "..", "a%2fb", "ada/../eve", "ü?#"])
async def test_a_user_id_never_reaches_another_users_contact(on_redis, user_service, user_id):
    async with on_redis() as (send, _):
        record = await send.until(await send(user_id), "failed", "sent")

    assert record.reason == "unknown_user"
    assert user_service.lookups == [user_id]


async def test_the_request_id_goes_along_to_the_user_service(on_redis, user_service):
    async with on_redis() as (send, _):
        await send.until(await send(request_id="r-1"), "sent")

    assert set(user_service.request_ids) == {"r-1"}


async def test_a_request_id_that_fits_no_header_is_left_out(on_redis, user_service):
    async with on_redis() as (send, _):
        trace_id = await send(request_id="r 1 \N{SNOWMAN}")
        await send.until(trace_id, "sent")

    assert set(user_service.request_ids) == {trace_id}


async def test_retries_follow_the_schedule_on_redis_too(on_redis, user_service, outbox):
    user_service.users["eve"] = {"sms": "+15005550003"}
    async with on_redis() as (send, _):
        record = await send.until(await send("eve"), "sent", "failed")

    assert (record.status, record.attempts) == ("sent", 3)
    assert [entry.reason for entry in record.timeline if entry.status == "retrying"] == [
        "provider_unavailable"
    ] * 2
    assert len(outbox.lines()) == 1


async def test_a_schedule_of_twelve_delays_makes_thirteen_attempts(on_redis, user_service):
    user_service.users["eve"] = {"push": "sim-fail-99-then-ok"}
    async with on_redis(RETRY_SCHEDULE=",".join(["0.05s"] * 12)) as (send, _):
        record = await send.until(await send("eve"), "sent", "failed")

    assert (record.status, record.reason) == ("failed", "attempts_exhausted")
    assert record.attempts == 13


async def test_a_redis_that_would_lose_notifications_is_refused(on_redis, redis_url):
    async with redis.asyncio.Redis.from_url(redis_url) as connection:
        await connection.config_set("maxmemory-policy", "allkeys-lru")
    with pytest.raises(Exception, match="maxmemory-policy is allkeys-lru"):
        async with on_redis(ALLOW_VOLATILE=False):
            pass


async def test_a_redis_that_becomes_unsafe_is_noticed_without_being_asked(on_redis, redis_url):
    async with on_redis() as (send, http), redis.asyncio.Redis.from_url(redis_url) as by_hand:
        await by_hand.config_set("appendonly", "no")
        await until_metrics_say("broker_safe 0.0", http)
        # What it holds is safest with who it is for.
        await send.until(await send(), "sent")

        await by_hand.config_set("appendonly", "yes")
        await until_metrics_say("broker_safe 1.0", http)


async def until_metrics_say(line, http):
    async with asyncio.timeout(60):
        while line not in (await http.get("/metrics")).text.splitlines():
            await asyncio.sleep(0.1)
