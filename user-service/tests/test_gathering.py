import asyncio
from collections.abc import Collection, Mapping

import pytest
from user_service.application.ports import UsersUnavailable
from user_service.domain import User, UserId
from user_service.infrastructure.sql.gathering import MAX_BATCH, GatheredReads

ADA, BOB, EVE = (
    User(id=UserId(name), addresses={}, preferred_channel=None) for name in ("ada", "bob", "eve")
)


class SlowStore:
    """Finds at once, answers when it is told to, and keeps what it was asked."""

    def __init__(self) -> None:
        self.users = {user.id: user for user in (ADA, BOB)}
        self.is_asked = asyncio.Event()
        self.asked: list[list[UserId]] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.error: Exception | None = None

    async def get_many(self, user_ids: Collection[UserId]) -> Mapping[UserId, User]:
        self.asked.append(list(user_ids))
        self.is_asked.set()
        found = {user_id: self.users[user_id] for user_id in user_ids if user_id in self.users}
        await self.may_answer.wait()
        if self.error:
            raise self.error
        return found


@pytest.fixture
def store() -> SlowStore:
    return SlowStore()


@pytest.fixture
def reads(store: SlowStore) -> GatheredReads:
    return GatheredReads(store.get_many)


async def test_all_who_ask_at_once_are_answered_by_one_query(
    store: SlowStore, reads: GatheredReads
) -> None:
    answers = await asyncio.gather(*(reads.get(each) for each in (ADA.id, BOB.id, EVE.id, ADA.id)))

    assert answers == [ADA, BOB, None, ADA]
    assert store.asked == [[ADA.id, BOB.id, EVE.id]]


async def test_who_asks_while_a_query_runs_is_answered_by_the_next(
    store: SlowStore, reads: GatheredReads
) -> None:
    store.may_answer.clear()
    first = asyncio.create_task(reads.get(EVE.id))
    await store.is_asked.wait()

    store.users[EVE.id] = EVE
    second = asyncio.create_task(reads.get(EVE.id))
    store.may_answer.set()

    assert (await first, await second) == (None, EVE)


async def test_a_failed_query_fails_for_those_who_asked_and_no_one_else(
    store: SlowStore, reads: GatheredReads
) -> None:
    store.error = UsersUnavailable("down")
    outcomes = await asyncio.gather(reads.get(ADA.id), reads.get(BOB.id), return_exceptions=True)
    store.error = None

    assert [type(outcome) for outcome in outcomes] == [UsersUnavailable, UsersUnavailable]
    assert await reads.get(ADA.id) == ADA


async def test_one_who_gives_up_does_not_take_the_answer_from_others(
    store: SlowStore, reads: GatheredReads
) -> None:
    store.may_answer.clear()
    impatient = asyncio.create_task(reads.get(ADA.id))
    patient = asyncio.create_task(reads.get(ADA.id))
    await store.is_asked.wait()

    impatient.cancel()
    store.may_answer.set()

    assert await patient == ADA
    assert impatient.cancelled()


async def test_a_query_has_a_largest_size(store: SlowStore, reads: GatheredReads) -> None:
    user_ids = [UserId(str(number)) for number in range(MAX_BATCH + 1)]

    await asyncio.gather(*map(reads.get, user_ids))

    assert [len(batch) for batch in store.asked] == [MAX_BATCH, 1]


async def test_stopping_answers_those_who_still_wait(
    store: SlowStore, reads: GatheredReads
) -> None:
    waiting = asyncio.create_task(reads.get(ADA.id))
    await asyncio.sleep(0)

    await reads.stop()

    assert await waiting == ADA
