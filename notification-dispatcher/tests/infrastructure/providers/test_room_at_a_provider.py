"""Who waits for room at a provider, and for how long."""

import asyncio
from datetime import timedelta

from notification_contracts.states import Reason
from notification_dispatcher.domain.sending import NotTried
from notification_providers.port import Accepted, OutgoingMessage, TransientFailure

MESSAGE = OutgoingMessage(
    trace_id="t-1", channel="email", attempt=1, idempotency_key="t-1", address="a", message="m"
)
BUSY = TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail="busy")


async def on_start(provider):
    """Begin without a queue."""


async def test_a_message_that_waited_for_room_sees_a_pause_that_began_meanwhile(protect, provider):
    protected = protect(provider, concurrency=1)
    await protected.gate.enter()
    waiting = asyncio.create_task(protected.send(MESSAGE, on_start=on_start))
    await asyncio.sleep(0)
    await protected.pause.begin(timedelta(minutes=5))
    protected.gate.leave()

    assert isinstance((await waiting).outcome, NotTried)
    assert provider.sent == []


async def test_who_is_merely_busy_turns_nobody_away(protect, provider):
    protected = protect(provider, concurrency=1)
    await protected.gate.enter()
    waiting = [asyncio.create_task(protected.send(MESSAGE, on_start=on_start)) for _ in range(5)]
    await asyncio.sleep(0.05)  # longer than it would wait for a token
    protected.gate.leave()

    outcomes = [(await each).outcome for each in waiting]

    assert outcomes == [Accepted()] * 5


async def test_those_who_wait_for_room_do_not_go_to_a_provider_that_began_to_fail(
    protect, provider
):
    provider.answers = [BUSY] * 3
    protected = protect(provider, concurrency=1)
    sending = [protected.send(MESSAGE, on_start=on_start) for _ in range(10)]

    outcomes = [report.outcome for report in await asyncio.gather(*sending)]

    assert len(provider.sent) == 3
    assert [type(outcome) for outcome in outcomes[3:]] == [NotTried] * 7


async def test_what_waits_for_room_when_the_process_is_to_stop_is_left_to_the_next(
    protect, provider
):
    protected = protect(provider, concurrency=1)
    await protected.gate.enter()
    waiting = asyncio.create_task(protected.send(MESSAGE, on_start=on_start))
    await asyncio.sleep(0)

    protected.gate.close()

    outcome = (await waiting).outcome
    assert isinstance(outcome, NotTried)
    assert (outcome.reason, outcome.retry_in) == (Reason.PROVIDER_UNAVAILABLE, timedelta(0))
    assert provider.sent == []
