import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notification_dispatcher.infrastructure.providers.gate import Gate, TokenBucket, Turned


@given(
    rate=st.floats(0.1, 1000),
    gaps=st.lists(st.floats(0, 2), min_size=2, max_size=60),
)
def test_no_more_than_the_rate_and_one_burst_ever_pass(rate, gaps):
    now = 0.0
    bucket = TokenBucket(per_second=rate, monotonic=lambda: now)
    starts = []
    for gap in gaps:
        now += gap
        wait = bucket.reserve(max_wait=1e9)
        assert wait is not None
        starts.append(now + wait)

    assert all(earlier <= later for earlier, later in pairwise(starts))
    burst = max(1.0, rate)
    for first in range(len(starts)):
        passed = len(starts) - first
        assert passed <= burst + (starts[-1] - starts[first]) * rate + 1.001


def test_a_call_that_is_turned_away_takes_no_token():
    now = 0.0
    bucket = TokenBucket(per_second=1, monotonic=lambda: now)
    assert bucket.reserve(max_wait=0) == 0
    assert bucket.reserve(max_wait=0.5) is None
    assert bucket.reserve(max_wait=0.5) is None
    now = 1.0

    assert bucket.reserve(max_wait=0) == 0


async def test_no_more_than_the_limit_are_inside_at_once_and_nobody_is_turned_away():
    gate = Gate(concurrency=3, max_wait=0)
    inside = most = 0

    async def visit():
        nonlocal inside, most
        assert await gate.enter() is None
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.001)
        inside -= 1
        gate.leave()

    await asyncio.gather(*(visit() for _ in range(20)))

    assert most == 3
    assert not gate.is_full


async def test_a_closed_gate_turns_away_who_waits_and_lets_in_who_need_not():
    gate = Gate(concurrency=1)
    await gate.enter()
    waiting = asyncio.create_task(gate.enter())
    await asyncio.sleep(0)

    gate.close()

    assert [await waiting, await gate.enter()] == [Turned.IS_CLOSED] * 2
    gate.leave()
    assert await gate.enter() is None


async def test_a_call_that_is_cancelled_when_its_turn_has_come_passes_it_on():
    gate = Gate(concurrency=1)
    await gate.enter()
    first, second = (asyncio.create_task(gate.enter()) for _ in range(2))
    await asyncio.sleep(0)
    gate.leave()
    first.cancel()

    assert await second is None
    assert first.cancelled()
    gate.leave()
    assert not gate.is_full


async def test_a_rate_that_is_used_up_turns_away_and_keeps_no_place():
    gate = Gate(concurrency=1, per_second=0.01, max_wait=0.01)
    await gate.enter()
    gate.leave()

    assert await gate.enter() is Turned.RATE_IS_USED_UP
    assert not gate.is_full


async def test_a_call_that_is_cancelled_while_it_waits_for_a_token_keeps_no_place():
    gate = Gate(concurrency=1, per_second=0.5, max_wait=30)
    await gate.enter()
    gate.leave()
    waiting = asyncio.create_task(gate.enter())
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert not gate.is_full
