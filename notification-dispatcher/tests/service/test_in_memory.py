import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from notification_contracts.channels import CHANNELS
from notification_contracts.states import Reason
from notification_providers.memory import InMemoryProvider
from notification_providers.port import (
    Accepted,
    PermanentFailure,
    Repeating,
    TransientFailure,
    UncertainFailure,
)
from notification_providers.urls import Limits
from service_kit.failpoints import armed
from testkit.logs import captured_logs
from testkit.running import until

BUSY = TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail="busy")


class CountingProvider:
    """Keeps count of how many messages it has in hand, until it may let go of them."""

    def __init__(self):
        self.name = "counting"
        self.repeating = Repeating.NEITHER
        self.may_end = asyncio.Event()
        self.in_hand = self.most = self.done = 0

    async def send(self, message):
        self.in_hand += 1
        self.most = max(self.most, self.in_hand)
        await self.may_end.wait()
        self.in_hand -= 1
        self.done += 1
        return Accepted()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"user_id": "nobody"}, "unknown_user"),
        ({"user_id": "bob", "channel": "push"}, "no_address"),
        ({"channel": "fax"}, "unknown_channel"),
        ({"channel": "sms", "message": "x" * 1601}, "message_too_long"),
    ],
)
async def test_what_can_never_be_delivered_ends_as_failed(in_memory, contacts, fields, reason):
    contacts.add("bob", {"email": "bob@example.com"})
    async with in_memory() as (send, _):
        record = await send.until(await send(**fields), "failed", "sent")

    assert (record.status, record.reason) == ("failed", reason)


@pytest.mark.parametrize("channel", ["email", "sms", "push"])
async def test_each_channel_delivers_to_its_own_address(in_memory, contacts, outbox, channel):
    async with in_memory() as (send, _):
        await send.until(await send(channel=channel), "sent")

    [line] = outbox.lines()
    assert line["channel"] == channel
    assert line["address"] == contacts.contacts["ada"].on(channel)[0].value


async def test_garbage_is_kept_and_harms_no_other(in_memory, outbox):
    async with in_memory() as (send, _):
        garbage = await send.bytes(b"\xff\x00 no event")
        good = await send()

        assert (await send.until(garbage, "failed")).reason == "undecodable"
        await send.until(good, "sent")


async def test_a_send_that_fails_twice_is_sent_on_the_third_attempt(in_memory, contacts, outbox):
    contacts.add("eve", {"email": "fail-2-then-ok@sim.example"})
    async with in_memory() as (send, _):
        record = await send.until(await send("eve"), "sent", "failed")

    assert record.status == "sent"
    assert record.attempts == 3
    assert [entry.status for entry in record.timeline if entry.attempt] == [
        *("sending", "retrying") * 2,
        "sending",
        "sent",
    ]
    assert len(outbox.lines()) == 1


async def test_exhausted_attempts_end_as_failed_with_the_last_error(in_memory):
    providers = {"email": [(InMemoryProvider(answers=[BUSY] * 9), Limits())]}
    async with in_memory(providers=providers, RETRY_SCHEDULE="0.1s") as (send, _):
        record = await send.until(await send(), "failed")

    assert record.reason == "attempts_exhausted"
    assert record.attempts == 2
    assert record.timeline[-1].detail == "provider_unavailable: busy"


async def test_a_permanent_failure_is_not_tried_again(in_memory):
    refused = PermanentFailure(reason=Reason.PROVIDER_REJECTED, detail="bad key")
    provider = InMemoryProvider(answers=[refused])
    async with in_memory(providers={"email": [(provider, Limits())]}) as (send, _):
        record = await send.until(await send(), "failed")

    assert record.reason == "provider_rejected"
    assert len(provider.sent) == 1


async def test_an_uncertain_send_is_repeated_under_the_same_key(in_memory):
    provider = InMemoryProvider(answers=[UncertainFailure(detail="no answer")])
    async with in_memory(providers={"email": [(provider, Limits())]}) as (send, _):
        trace_id = await send()
        await send.until(trace_id, "sent")

    assert [message.trace_id for message in provider.sent] == [trace_id] * 2
    assert [message.attempt for message in provider.sent] == [1, 2]


async def test_a_channel_that_holds_never_repeats_an_uncertain_send(in_memory, contacts, outbox):
    contacts.add("eve", {"email": "timeout-after-accept@sim.example"})
    async with in_memory(EMAIL_ON_AMBIGUOUS="hold") as (send, _):
        record = await send.until(await send("eve"), "failed", "sent")

    assert (record.status, record.reason) == ("failed", "ambiguous")
    assert len(outbox.lines()) == 1


@pytest.mark.parametrize(
    ("on_ambiguous", "status", "copies"), [("resend", "sent", 2), ("hold", "failed", 1)]
)
async def test_a_worker_that_dies_after_the_provider_accepted_repeats_it_once_or_holds_it(
    in_memory, outbox, on_ambiguous, status, copies
):
    briefly = timedelta(seconds=0.3)
    async with in_memory(lease=briefly, EMAIL_ON_AMBIGUOUS=on_ambiguous) as (send, _):
        with armed("provider.after_accept:raise"), captured_logs() as logged:
            trace_id = await send()
            await until(lambda: "worker.handler_failed" in [each["event"] for each in logged()])
        record = await send.until(trace_id, "sent", "failed")

    assert record.status == status
    assert [line["trace_id"] for line in outbox.lines()] == [trace_id] * copies


async def test_what_has_expired_is_never_sent(in_memory, outbox):
    async with in_memory() as (send, _):
        past = datetime.now(UTC) - timedelta(seconds=1)
        record = await send.until(await send(expires_at=past), "expired", "sent")

    assert record.status == "expired"
    assert outbox.lines() == []


async def test_a_dead_sms_provider_does_not_delay_one_e_mail(in_memory, outbox):
    dead = {"SMS_PROVIDERS": "fake://?script=hang", "DISPATCHER_CONCURRENCY": 4}
    async with in_memory(PROVIDER_TIMEOUT_SECONDS=5, **dead) as (send, _):
        stuck = [await send(channel="sms") for _ in range(40)]
        sent = [await send(channel="email") for _ in range(40)]
        for trace_id in sent:
            await send.until(trace_id, "sent")
        under_way = [(await send.ledger.get(trace_id)).status for trace_id in stuck]

    assert "sent" not in under_way
    assert len(outbox.lines()) == 40


async def test_each_channel_has_no_more_under_way_than_its_limit(in_memory):
    email, sms = CountingProvider(), CountingProvider()
    providers = {"email": [(email, Limits())], "sms": [(sms, Limits(concurrency=2))]}
    async with in_memory(providers=providers, DISPATCHER_CONCURRENCY=5) as (send, _):
        for _ in range(20):
            await send(channel="email")
            await send(channel="sms")
        await until(lambda: (email.in_hand, sms.in_hand) == (5, 2))
        email.may_end.set()
        sms.may_end.set()
        await until(lambda: email.done + sms.done == 40)

    assert (email.most, sms.most) == (5, 2)


async def test_a_broken_provider_is_replaced_by_the_next(in_memory, outbox):
    both = "fake://broken?script=fail-permanent, fake://spare"
    async with in_memory(EMAIL_PROVIDERS=both) as (send, _):
        record = await send.until(await send(), "sent", "failed")

    assert record.timeline[-1].provider == "fake-spare"
    assert len(outbox.lines()) == 1


async def test_a_process_works_on_its_own_stages_only(in_memory, outbox):
    async with in_memory(DISPATCHER_STAGES="validation,delivery.sms") as (send, http):
        mail, text = await send(channel="email"), await send(channel="sms")
        await send.until(text, "sent")
        ready = (await http.get("/health/ready")).json()

        assert (await send.until(mail, "validated")).status == "validated"
        assert set(ready["checks"]["workers"]) == {"status", "validation", "delivery.sms"}


async def test_a_notification_can_be_followed_through_the_log_by_its_trace_id(in_memory, capsys):
    async with in_memory() as (send, _):
        trace_id = await send("ada", "secret words", request_id="r-1")
        await send.until(trace_id, "sent")

    lines = [line for line in capsys.readouterr().out.splitlines() if trace_id in line]
    assert [
        name
        for line in lines
        for name in ("notification.validated", "fake.accepted", "notification.sent")
        if name in line
    ] == ["notification.validated", "fake.accepted", "notification.sent"]
    assert all("r-1" in line for line in lines)
    assert not any("secret words" in line or "ada@example.com" in line for line in lines)


async def test_readiness_shows_workers_breakers_and_the_broker(in_memory):
    async with in_memory() as (_, http):
        answer = await http.get("/health/ready")

    checks = answer.json()["checks"]
    assert answer.status_code == 200
    assert checks["broker"]["durability"] == "memory"
    assert checks["providers"]["sms.fake"] == "closed"
    assert checks["providers"]["pauses are kept by"] == "each dispatcher for itself"
    assert checks["contacts"]["user_service"] == "gives no answer"
    assert set(checks["workers"]) == {
        "status",
        "validation",
        *(f"delivery.{channel}" for channel in CHANNELS),
    }


async def test_readiness_fails_while_the_broker_is_down(in_memory):
    async with in_memory() as (send, http):
        send.queue.is_down = True
        answer = await http.get("/health/ready")

    assert answer.status_code == 503
    assert answer.json()["checks"]["broker"]["status"] == "failed"


async def test_metrics_count_notifications_and_providers_answers(in_memory):
    async with in_memory() as (send, http):
        await send.until(await send(), "sent")
        counted = (
            'dispatcher_notifications_total{reason="",stage="delivery.email",verdict="sent"} 1.0'
        )
        async with asyncio.timeout(60):
            while counted not in (metrics := (await http.get("/metrics")).text):
                await asyncio.sleep(0.02)

    assert (
        'dispatcher_provider_sends_total{channel="email",outcome="accepted",provider="fake"} 1.0'
        in metrics
    )
    assert 'dispatcher_provider_breaker_state{channel="sms",provider="fake"} 0.0' in metrics
    assert json.dumps(metrics).count("ada@example.com") == 0


async def test_a_broker_that_forgets_is_refused(in_memory):
    with pytest.raises(Exception, match="ALLOW_VOLATILE"):
        async with in_memory(ALLOW_VOLATILE=False):
            pass
