"""A test reaches no provider, whatever else is set, and leaves no trace in what is live."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from notification_contracts.states import Reason
from notification_dispatcher.domain.progress import Doubt, Progress, digest_of
from notification_providers.memory import InMemoryAskableProvider, InMemoryProvider
from notification_providers.port import AddressGone, Misconfigured, Repeating, TransientFailure
from notification_providers.urls import Limits

NOW = timedelta(0)
CHANNELS = ("email", "sms", "push")
GONE = AddressGone(reason=Reason.ADDRESS_GONE, detail="no such number")
AGAIN = TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail="down")


class Providers:
    """Two on each channel: one that can be asked, one that knows what it gets again."""

    def __init__(self, answer=None):
        self.asked = {each: InMemoryAskableProvider(name="asked") for each in CHANNELS}
        self.keyed = {
            each: InMemoryProvider(name="keyed", repeating=Repeating.IDEMPOTENT)
            for each in CHANNELS
        }
        for provider in (*self.asked.values(), *self.keyed.values()):
            provider.answers = [answer] * 100 if answer else []

    @property
    def opened(self):
        return {
            each: [(self.asked[each], Limits()), (self.keyed[each], Limits())] for each in CHANNELS
        }

    @property
    def calls(self):
        sent = [each.sent for each in (*self.asked.values(), *self.keyed.values())]
        return sum(map(len, sent)) + sum(len(each.asked) for each in self.asked.values())


@pytest.mark.parametrize(
    "delivery", ["live", "fake", "capture", "redirect:me@example.com", "allow:*"]
)
async def test_a_test_is_captured_whatever_delivery_says(in_memory, outbox, delivery):
    providers = Providers()
    async with in_memory(providers=providers.opened, DELIVERY=delivery) as (send, _):
        records = [
            await send.until(await send(channel=each, is_test=True), "sent", "failed")
            for each in CHANNELS
        ]

    assert {record.status for record in records} == {"sent"}
    assert {(each.is_test, each.delivery_mode) for each in records} == {(True, "captured")}
    assert {each.timeline[-1].provider for each in records} == {"capture"}
    # As it was meant: nothing is redirected either.
    assert [line["address"] for line in outbox.lines()] == [
        "ada@example.com",
        "+12025550101",
        "token-ada",
    ]
    assert providers.calls == 0


@pytest.mark.parametrize("answer", [AGAIN, GONE, Misconfigured(detail="who are you?")])
async def test_a_test_passes_by_providers_in_trouble_and_what_is_live_does_not(
    in_memory, outbox, answer
):
    providers = Providers(answer)
    settings = {"PROVIDER_BREAKER_FAILURES": "1", "DELIVERY": "live"}
    async with in_memory(providers=providers.opened, **settings) as (send, _):
        live = await send(channel="email")
        while not providers.calls:
            await asyncio.sleep(0.01)
        test = await send.until(await send(channel="email", is_test=True), "sent", "failed")
        asked, trace = providers.calls, {line["trace_id"] for line in outbox.lines()}
        record = await send.ledger.get(live)

    assert (test.status, test.attempts) == ("sent", 1)
    assert (record.is_test, record.status == "sent") == (False, False)
    assert (asked > 0, trace) == (True, {test.trace_id})


async def test_a_test_that_cannot_be_kept_is_tried_again_and_not_elsewhere(in_memory, outbox):
    providers = Providers()
    outbox.path.mkdir()
    async with in_memory(providers=providers.opened, DELIVERY="live") as (send, _):
        trace_id = await send(is_test=True)
        failing = await send.until(trace_id, "retrying", "failed")
        outbox.path.rmdir()
        record = await send.until(trace_id, "sent")

    assert failing.is_test
    assert record.attempts > 1
    assert providers.calls == 0


async def test_a_test_that_is_replayed_stays_one(on_redis, user_service, outbox):
    providers = Providers()
    async with on_redis(providers=providers.opened, DELIVERY="live") as (send, _):
        trace_id = await send("eve", is_test=True)
        failed = await send.until(trace_id, "failed")
        user_service.users["eve"] = {"email": "eve@example.com"}
        await send.queue.replay(trace_id)
        record = await send.until(trace_id, "sent")

    assert (failed.reason, failed.is_test, record.is_test) == ("unknown_user", True, True)
    assert [line["address"] for line in outbox.lines()] == ["eve@example.com"]
    assert providers.calls == 0


async def test_a_test_of_which_a_send_is_said_to_be_in_doubt_asks_nobody(on_redis, outbox):
    providers = Providers()
    async with on_redis(providers=providers.opened, DISPATCHER_STAGES="validation") as (send, _):
        trace_id = await send(channel="sms", is_test=True)
        await send.until(trace_id, "validated")
    [delivery] = await send.queue.receive(["delivery.sms.normal"], limit=1, wait=NOW)
    since = datetime.now(UTC)
    doubt = Doubt(provider="asked", key=trace_id, since=since)
    progress = Progress().with_doubt(digest_of(trace_id, "+12025550101"), doubt).encode()
    await delivery.start(b"", progress=progress)
    await delivery.retry(NOW, b"", is_uncertain=True, progress=progress)
    hold = {"SMS_ON_AMBIGUOUS": "hold", "DELIVERY": "live"}
    async with on_redis(providers=providers.opened, **hold) as (send, _):
        record = await send.until(trace_id, "sent", "failed")

    assert (record.status, record.delivery_mode) == ("sent", "captured")
    assert providers.calls == 0


async def test_tests_count_for_no_cap_and_no_address(on_redis, user_service):
    providers = Providers()
    caps = {"MAX_PER_ADDRESS_PER_HOUR": "sms=1", "MAX_PER_DAY": "sms=1", "SMS_COUNTRIES": "US=1"}
    async with on_redis(providers=providers.opened, **caps) as (send, _):
        for _ in range(5):
            await send.until(await send(channel="sms", is_test=True), "sent")
        reports = list(user_service.reports)
        live = await send.until(await send(channel="sms"), "sent", "failed")

    assert live.status == "sent"
    assert [each.address for each in providers.asked["sms"].sent] == ["+12025550101"]
    assert reports == []


async def test_a_test_key_tries_no_provider(in_memory):
    providers = Providers()
    async with in_memory(providers=providers.opened) as (_, http):
        test = {"X-Key-Kind": "test", "X-Key-Id": "k1"}
        for asked in ({}, {"to": "me@example.com"}):
            answer = await http.post("/providers/email/test", json=asked, headers=test)
            assert (answer.status_code, answer.json()["code"]) == (403, "test_key")
        live = await http.post("/providers/email/test", json={"to": "me@example.com"})

    assert live.status_code == 200
    assert providers.calls == 2
