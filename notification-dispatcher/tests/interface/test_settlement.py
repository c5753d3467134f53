from datetime import timedelta

import pytest
from durable_queue.port import OnAmbiguous
from notification_contracts.states import Reason, Status
from notification_dispatcher.application.ports import Starting
from notification_dispatcher.domain.sending import ProviderCall
from notification_dispatcher.domain.verdicts import Deferred, Retrying, Sent
from notification_ledger.reading import Target
from notification_providers.port import Diversion

LANES = ("delivery.email.normal",)
CALL = ProviderCall(provider="post", duration=timedelta(milliseconds=12.34))
SOON = timedelta(seconds=3)


async def test_one_that_may_be_repeated_is_not_held_when_its_worker_dies(
    handle, ledger, queue, clock, trace_id
):
    class Died(Exception):
        pass

    async def decide(event, start):
        await start(Starting(provider="post", is_repeatable=True, progress="asked for by the next"))
        raise Died

    await handle(decide, on_ambiguous=OnAmbiguous.HOLD)
    clock.advance(timedelta(seconds=61))
    await queue.tick(LANES)

    assert (await ledger.get(trace_id)).status is Status.VALIDATED
    [again] = await queue.receive(LANES, limit=1, wait=timedelta(0))
    assert again.progress == "asked for by the next"


async def test_what_each_address_came_to_stands_in_the_timeline(handle, ledger, trace_id):
    one = Target(target="phone", outcome="accepted", provider="post", message_id="m-1")
    two = Target(target="#2", outcome="gone", reason=Reason.ADDRESS_GONE, detail="410")
    await handle(Sent(call=CALL, message_id="m-1", targets=(one, two)))

    last = (await ledger.get(trace_id)).timeline[-1]
    assert last.message_id == "m-1"
    assert last.targets == (one, two)


async def test_what_was_diverted_is_marked_so(handle, ledger, trace_id):
    await handle(Sent(call=CALL, diversion=Diversion.CAPTURED))

    assert (await ledger.get(trace_id)).delivery_mode == "captured"


@pytest.mark.parametrize("verdict", [Retrying, Deferred])
async def test_how_far_it_came_is_kept_for_the_next_attempt(
    handle, queue, clock, trace_id, verdict
):
    await handle(verdict(delay=SOON, reason=Reason.RATE_LIMITED, detail="429", progress="far"))
    clock.advance(SOON)
    await queue.tick(LANES)

    [again] = await queue.receive(LANES, limit=1, wait=timedelta(0))
    assert again.progress == "far"
