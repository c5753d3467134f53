import asyncio
from collections.abc import Mapping, Sequence
from contextvars import ContextVar

import pytest
from service_kit.gathering import MAX_BATCH, Gathered

asker: ContextVar[str] = ContextVar("asker", default="nobody")


class Trouble(Exception):
    pass


class SlowStore:
    """Finds at once, answers when it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.values = {"ada": 1, "bob": 2}
        self.is_asked = asyncio.Event()
        self.asked: list[list[str]] = []
        self.askers: list[str] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.error: Exception | None = None

    async def get_many(self, keys: Sequence[str]) -> Mapping[str, int]:
        self.asked.append(list(keys))
        self.askers.append(asker.get())
        self.is_asked.set()
        found = {key: self.values[key] for key in keys if key in self.values}
        await self.may_answer.wait()
        if self.error:
            raise self.error
        return found


@pytest.fixture
def store() -> SlowStore:
    return SlowStore()


@pytest.fixture
def gathered(store: SlowStore) -> Gathered[str, int]:
    return Gathered(store.get_many)


async def test_all_who_ask_at_once_are_answered_by_one_call(
    store: SlowStore, gathered: Gathered[str, int]
) -> None:
    answers = await asyncio.gather(*map(gathered.get, ("ada", "bob", "eve", "ada")))

    assert answers == [1, 2, None, 1]
    assert store.asked == [["ada", "bob", "eve"]]


async def test_who_asks_while_a_call_runs_is_answered_by_the_next(
    store: SlowStore, gathered: Gathered[str, int]
) -> None:
    store.may_answer.clear()
    first = asyncio.create_task(gathered.get("eve"))
    await store.is_asked.wait()

    store.values["eve"] = 3
    second = asyncio.create_task(gathered.get("eve"))
    store.may_answer.set()

    assert (await first, await second) == (None, 3)


async def test_a_failed_call_fails_for_those_who_asked_and_no_one_else(
    store: SlowStore, gathered: Gathered[str, int]
) -> None:
    store.error = Trouble("down")
    outcomes = await asyncio.gather(*map(gathered.get, ("ada", "bob")), return_exceptions=True)
    store.error = None

    assert [type(outcome) for outcome in outcomes] == [Trouble, Trouble]
    assert await gathered.get("ada") == 1


async def test_one_who_gives_up_does_not_take_the_answer_from_others(
    store: SlowStore, gathered: Gathered[str, int]
) -> None:
    store.may_answer.clear()
    impatient = asyncio.create_task(gathered.get("ada"))
    patient = asyncio.create_task(gathered.get("ada"))
    await store.is_asked.wait()

    impatient.cancel()
    store.may_answer.set()

    assert await patient == 1
    assert impatient.cancelled()


async def test_a_failure_without_a_waiting_caller_warns_of_nothing(
    store: SlowStore, gathered: Gathered[str, int]
) -> None:
    store.error = Trouble("down")
    waiting = asyncio.create_task(gathered.get("ada"))
    await store.is_asked.wait()
    waiting.cancel()

    await gathered.stop()


async def test_a_call_has_a_largest_size(store: SlowStore, gathered: Gathered[str, int]) -> None:
    await asyncio.gather(*(gathered.get(str(number)) for number in range(MAX_BATCH + 1)))

    assert [len(batch) for batch in store.asked] == [MAX_BATCH, 1]


async def test_stopping_answers_those_who_still_wait(gathered: Gathered[str, int]) -> None:
    waiting = asyncio.create_task(gathered.get("ada"))
    await asyncio.sleep(0)

    await gathered.stop()

    assert await waiting == 1


async def test_each_call_is_made_in_the_context_of_who_asked_first(
    store: SlowStore, gathered: Gathered[str, int]
) -> None:
    async def ask(name: str, key: str) -> None:
        asker.set(name)
        await gathered.get(key)

    store.may_answer.clear()
    first = asyncio.create_task(ask("first", "ada"))
    await store.is_asked.wait()
    others = [asyncio.create_task(ask(name, name)) for name in ("second", "third")]
    await asyncio.sleep(0)
    store.may_answer.set()
    await asyncio.gather(first, *others)

    assert store.askers == ["first", "second"]
