"""Many who ask at once are one question."""

import asyncio
import math

import pytest
from notification_publisher.infrastructure.shared_answer import SharedAnswer


class Source:
    def __init__(self) -> None:
        self.asked = 0
        self.may_answer = asyncio.Event()

    async def __call__(self) -> int:
        self.asked += 1
        number = self.asked
        await self.may_answer.wait()
        if number == 1:
            raise ValueError("not yet")
        return number


async def test_who_asks_at_the_same_time_shares_the_answer_and_the_failure() -> None:
    source = Source()
    shared = SharedAnswer(source, good_for_s=3600)
    asking = [asyncio.create_task(shared()) for _ in range(5)]
    await asyncio.sleep(0)
    asking[0].cancel()
    source.may_answer.set()

    found = await asyncio.gather(*asking, return_exceptions=True)

    assert source.asked == 1
    assert isinstance(found[0], asyncio.CancelledError)
    assert [type(each) for each in found[1:]] == [ValueError] * 4
    with pytest.raises(ValueError, match="not yet"):
        await shared()


async def test_an_answer_that_is_too_old_is_asked_for_again() -> None:
    source = Source()
    source.may_answer.set()
    shared = SharedAnswer(source, good_for_s=0, at_most=math.inf)
    with pytest.raises(ValueError, match="not yet"):
        await shared()

    assert [await shared(), await shared()] == [2, 3]


async def test_what_takes_long_to_ask_is_asked_seldom() -> None:
    source = Source()
    source.may_answer.set()
    shared = SharedAnswer(source, good_for_s=0, at_most=1e-9)
    with pytest.raises(ValueError, match="not yet"):
        await shared()

    with pytest.raises(ValueError, match="not yet"):
        await shared()
    shared.forget()
    assert [await shared(), await shared()] == [2, 2]
