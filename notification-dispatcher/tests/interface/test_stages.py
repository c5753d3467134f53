from datetime import timedelta

import pytest
from durable_queue.port import Message, OnAmbiguous
from notification_contracts.states import Reason, Status
from notification_contracts.trace_ids import new_trace_id
from notification_dispatcher.application.ports import Starting
from notification_dispatcher.domain.sending import ProviderCall
from notification_dispatcher.domain.verdicts import (
    Deferred,
    Failed,
    Retrying,
    Sent,
    Validated,
)
from testkit.logs import captured_logs

LANES = ("delivery.email.normal",)
CALL = ProviderCall(provider="post", duration=timedelta(milliseconds=12.34))
SOON = timedelta(seconds=3)
STARTING = Starting(provider="post", is_repeatable=False)


async def put(queue, body=b'{"user_id":"ada","message":"secret words"}', **fields):
    trace_id = new_trace_id()
    await queue.send(Message(id=trace_id, lane=LANES[0], body=body, **fields))
    return trace_id


async def test_a_sent_one_is_acknowledged(handle, ledger, trace_id):
    await handle(Sent(call=CALL))

    record = await ledger.get(trace_id)
    last = record.timeline[-1]
    assert record.status is Status.SENT
    assert record.attempts == 1
    assert (last.channel, last.provider, last.attempt) == ("email", "post", 1)
    assert last.duration_ms == 12.3


async def test_a_validated_one_goes_to_its_channels_lane_of_its_priority(
    handle, ledger, queue, clock
):
    trace_id = await put(queue, b'{"user_id":"ada","message":"m","priority":"high"}')
    await handle(Validated(channel="sms"), channel=None)

    [delivery] = await queue.receive(["delivery.sms.high"], limit=1, wait=timedelta(0))
    record = await ledger.get(trace_id)
    assert (delivery.id, delivery.attempt) == (trace_id, 1)
    assert (record.status, record.channel, record.user_id) == (Status.VALIDATED, "sms", "ada")


@pytest.mark.parametrize(
    "verdict",
    [Validated(channel="sms"), Failed(reason=Reason.UNKNOWN_USER, detail="no such user")],
    ids=lambda verdict: type(verdict).__name__,
)
async def test_tags_and_reference_of_an_event_that_was_pushed_by_hand_are_kept(
    handle, ledger, queue, verdict
):
    body = b'{"user_id":"ada","message":"m","tags":["a","b"],"reference":"order 7"}'
    trace_id = await put(queue, body)

    await handle(verdict, channel=None)

    record = await ledger.get(trace_id)
    assert (record.tags, record.reference) == (("a", "b"), "order 7")


async def test_a_retrying_one_waits_with_its_reason_and_its_next_attempt(
    handle, ledger, clock, trace_id
):
    await handle(Retrying(delay=SOON, reason=Reason.PROVIDER_UNAVAILABLE, detail="busy", call=CALL))

    record = await ledger.get(trace_id)
    assert (record.status, record.reason) == (Status.RETRYING, Reason.PROVIDER_UNAVAILABLE)
    assert record.next_attempt_at == clock() + SOON
    assert record.timeline[-1].detail == "busy"
    assert record.timeline[-1].provider == "post"


@pytest.mark.parametrize(
    ("channel", "status"), [(None, Status.QUEUED), ("email", Status.VALIDATED)]
)
async def test_a_deferred_one_stays_what_it_was_and_says_why(
    handle, ledger, trace_id, channel, status
):
    await handle(
        Deferred(delay=SOON, reason=Reason.CONTACTS_UNAVAILABLE, detail="down"), channel=channel
    )

    record = await ledger.get(trace_id)
    assert (record.status, record.reason) == (status, Reason.CONTACTS_UNAVAILABLE)
    assert record.attempts == 0


async def test_one_that_is_deferred_between_attempts_is_still_being_retried(
    handle, ledger, queue, clock, trace_id
):
    await handle(Retrying(delay=SOON, reason=Reason.RATE_LIMITED, detail="429", call=CALL))
    clock.advance(SOON)
    await queue.tick(LANES)
    await handle(Deferred(delay=SOON, reason=Reason.CONTACTS_UNAVAILABLE, detail="down"))

    assert (await ledger.get(trace_id)).status is Status.RETRYING


async def test_one_that_waits_for_a_paused_provider_after_a_call_is_still_retrying(
    handle, ledger, queue, clock, trace_id
):
    await handle(Deferred(delay=SOON, reason=Reason.RATE_LIMITED, detail="429", call=CALL))
    clock.advance(SOON)
    await queue.tick(LANES)
    await handle(Deferred(delay=SOON, reason=Reason.RATE_LIMITED, detail="paused"))

    assert (await ledger.get(trace_id)).status is Status.RETRYING


async def test_a_failed_one_is_kept_with_its_reason_and_error(handle, ledger, queue, trace_id):
    await handle(Failed(reason=Reason.INVALID_ADDRESS, detail="no such mailbox", call=CALL))

    record = await ledger.get(trace_id)
    assert (record.status, record.reason) == (Status.FAILED, Reason.INVALID_ADDRESS)
    assert record.timeline[-1].detail == "no such mailbox"
    assert queue.error_of(trace_id) == "invalid_address: no such mailbox"


@pytest.mark.parametrize(
    "body", [b"\xff\x00 no event", b"", b"[]", b"{}", b'{"user_id": 7, "message": "m"}', b"{" * 99]
)
async def test_what_cannot_be_understood_is_kept_with_its_bytes(handle, ledger, queue, body):
    trace_id = await put(queue, body)
    await handle(Sent(call=None))

    record = await ledger.get(trace_id)
    assert (record.status, record.reason) == (Status.FAILED, Reason.UNDECODABLE)
    await queue.replay(trace_id)
    [delivery] = await queue.receive(LANES, limit=1, wait=timedelta(0))
    assert delivery.body == body


async def test_an_event_of_a_later_version_waits_a_day_for_someone_who_knows_it(
    handle, ledger, queue, clock
):
    trace_id = await put(queue, b'{"version": 2, "user": "ada"}')
    began = clock()
    while (await ledger.get(trace_id)).status is not Status.FAILED:
        await handle(Sent(call=None))
        clock.advance(timedelta(minutes=12))
        await queue.tick(LANES)

    assert timedelta(hours=23) < clock() - began < timedelta(hours=30)
    assert (await ledger.get(trace_id)).reason == Reason.UNSUPPORTED_VERSION


async def test_starting_says_who_sends_and_which_attempt_it_is(handle, ledger, trace_id):
    async def decide(event, start):
        await start(STARTING)
        record = await ledger.get(trace_id)
        assert (record.status, record.attempts) == (Status.SENDING, 1)
        assert record.timeline[-1].provider == "post"
        return Sent(call=CALL)

    await handle(decide)

    assert (await ledger.get(trace_id)).status is Status.SENT


@pytest.mark.parametrize(
    ("on_ambiguous", "outcome"),
    [
        (OnAmbiguous.RESEND, (Status.VALIDATED, Reason.LEASE_LOST)),
        (OnAmbiguous.HOLD, (Status.FAILED, Reason.AMBIGUOUS)),
    ],
)
async def test_one_whose_worker_dies_while_sending_is_sent_again_or_held(
    handle, ledger, queue, clock, trace_id, on_ambiguous, outcome
):
    class Died(Exception):
        pass

    async def decide(event, start):
        await start(STARTING)
        raise Died

    await handle(decide, on_ambiguous=on_ambiguous)
    clock.advance(timedelta(seconds=61))
    await queue.tick(LANES)

    record = await ledger.get(trace_id)
    assert (record.status, record.reason) == outcome


async def test_one_that_expired_meanwhile_is_not_started(handle, ledger, queue, clock):
    trace_id = await put(queue, expires_at=clock() + SOON)

    async def decide(event, start):
        clock.advance(SOON)
        await start(STARTING)

    with captured_logs() as lines:
        await handle(decide)
        said = [line["event"] for line in lines()]

    assert (await ledger.get(trace_id)).status is Status.EXPIRED
    assert "notification.expired" in said


async def test_one_that_was_cancelled_meanwhile_stays_cancelled(handle, ledger, queue, trace_id):
    async def decide(event, start):
        await queue.cancel(trace_id)
        return Validated(channel="email")

    with captured_logs() as lines:
        await handle(decide, channel=None)
        said = [line["event"] for line in lines()]

    assert (await ledger.get(trace_id)).status is Status.CANCELLED
    assert "notification.claim_lost" in said


async def test_each_is_one_line_in_the_log_with_its_trace_id_and_without_its_text(handle, trace_id):
    with captured_logs() as lines:
        await handle(Sent(call=CALL))
        [line] = lines()

    assert (line["event"], line["trace_id"]) == ("notification.sent", trace_id)
    assert "secret words" not in str(line)


async def test_each_is_counted_by_verdict_and_reason(handle, queue, registry, trace_id):
    await handle(Failed(reason=Reason.NO_ADDRESS, detail="none"))

    labels = {"stage": "delivery.email", "verdict": "failed", "reason": "no_address"}
    assert registry.get_sample_value("dispatcher_notifications_total", labels) == 1
    timed = {"stage": "delivery.email"}
    assert registry.get_sample_value("dispatcher_handling_seconds_count", timed) == 1
