import asyncio
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notification_dispatcher.infrastructure.providers.gate import Gate, TokenBucket


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


async def test_no_more_than_the_limit_are_inside_at_once():
    gate = Gate(concurrency=3, max_wait=5)
    inside = most = 0

    async def visit():
        nonlocal inside, most
        assert await gate.enter()
        inside += 1
        most = max(most, inside)
        await asyncio.sleep(0.001)
        inside -= 1
        gate.leave()

    await asyncio.gather(*(visit() for _ in range(20)))

    assert most == 3


async def test_a_call_that_finds_no_room_in_time_is_turned_away():
    gate = Gate(concurrency=1, max_wait=0.01)
    await gate.enter()

    assert not await gate.enter()

    gate.leave()
    assert await gate.enter()


async def test_a_rate_that_is_used_up_turns_away_and_keeps_no_place():
    gate = Gate(concurrency=1, per_second=0.01, max_wait=0.01)
    assert await gate.enter()
    gate.leave()

    assert not await gate.enter()
    assert not await gate.enter()


async def test_a_call_that_is_cancelled_while_it_waits_for_a_token_keeps_no_place():
    gate = Gate(concurrency=1, per_second=0.5, max_wait=30)
    await gate.enter()
    gate.leave()
    waiting = asyncio.create_task(gate.enter())
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert not gate._slots.locked()
