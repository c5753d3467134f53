import asyncio
from datetime import timedelta

import pytest
from durable_queue.port import QueueUnavailable
from notification_dispatcher.infrastructure.providers.pauses.memory import InMemoryPauses
from notification_dispatcher.infrastructure.providers.pauses.provider_pause import ProviderPause

HOUR = timedelta(hours=1)


class UnsteadyPauses(InMemoryPauses):
    """A store that can be out of reach; counts how often it was asked."""

    is_down = False
    asked = 0

    async def pause(self, name, period):
        self._answer()
        await super().pause(name, period)

    async def remaining(self, name):
        self.asked += 1
        await asyncio.sleep(0)
        self._answer()
        return await super().remaining(name)

    def _answer(self):
        if self.is_down:
            raise QueueUnavailable("told to be down")


@pytest.fixture
def pauses():
    return UnsteadyPauses()


@pytest.fixture
def pause(pauses):
    return ProviderPause(name="sms.post", pauses=pauses)


async def test_many_who_look_at_once_ask_once_and_all_know(pause, pauses):
    await pauses.pause("sms.post", HOUR)

    seen = await asyncio.gather(*(pause.look() for _ in range(50)))

    assert all(left > HOUR / 2 for left in seen)
    assert pauses.asked == 1


async def test_a_store_out_of_reach_changes_nothing_here(pause, pauses):
    pauses.is_down = True
    assert await pause.look() == timedelta(0)

    await pause.begin(HOUR)

    assert await pause.look() > HOUR / 2


async def test_a_pause_that_could_not_be_shared_is_shared_later(pause, pauses):
    pauses.is_down = True
    await pause.begin(HOUR)
    pauses.is_down = False

    await pause.look()

    assert await pauses.remaining("sms.post") > HOUR / 2


async def test_a_pause_that_an_operator_has_lifted_is_over_here_too(pause, pauses):
    now = 0.0
    pauses.monotonic = pause.monotonic = lambda: now
    await pause.begin(HOUR)
    pauses._until.clear()
    now = 1.0

    assert await pause.look() == timedelta(0)


async def test_an_answer_from_before_a_pause_began_does_not_end_it(pause):
    looking = asyncio.create_task(pause.look())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await pause.begin(HOUR)
    await looking

    assert pause.remaining > HOUR / 2
