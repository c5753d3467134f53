"""Everything that a store of webhooks promises. Subclass it, and give it a `store` fixture.

The store has room for three endpoints, and for four events that wait for one of them.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from notification_contracts.states import Status
from notification_ledger.webhooks.port import (
    EndpointChanged,
    FollowerReplaced,
    Once,
    TooManyEndpoints,
    UnknownEndpoint,
    WebhookStore,
)

from testkit.ledger.webhook_examples import (
    AT,
    DAYS,
    FORMER,
    MAX_ENDPOINTS,
    TOKEN,
    make_endpoint,
    make_event,
    put,
    until_replaced,
)
from testkit.ledger.webhook_line_contract import AttemptContract, LineContract


class EndpointContract:
    """Endpoints."""

    async def test_an_endpoint_is_found_as_it_was_stored(self, store: WebhookStore) -> None:
        asked = make_endpoint(former_secret=FORMER, former_secret_until=AT)
        stored = await store.store(asked)

        assert stored == replace(asked, revision=1)
        assert await store.endpoint("wh_1") == stored
        assert await store.endpoints() == [stored]

    async def test_they_are_listed_in_their_order(self, store: WebhookStore) -> None:
        for number in (2, 1, 3):
            at = AT + timedelta(seconds=number)
            await store.store(make_endpoint(f"wh_{number}", created_at=at))

        assert [each.id for each in await store.endpoints()] == ["wh_1", "wh_2", "wh_3"]

    async def test_there_are_only_so_many(self, store: WebhookStore) -> None:
        for number in range(MAX_ENDPOINTS):
            await store.store(make_endpoint(f"wh_{number}"))

        with pytest.raises(TooManyEndpoints):
            await store.store(make_endpoint("wh_9"))

    async def test_of_two_changes_at_once_one_counts(self, store: WebhookStore) -> None:
        read = await store.store(make_endpoint())
        await store.store(replace(read, since="5-0"))

        with pytest.raises(EndpointChanged):
            await store.store(replace(read, since="6-0"))
        assert (await store.endpoint("wh_1")).since == "5-0"

    async def test_each_change_changes_the_version(self, store: WebhookStore) -> None:
        versions = [await store.version()]
        stored = await store.store(make_endpoint())
        versions.append(await store.version())
        await store.store(replace(stored, since="5-0"))
        versions.append(await store.version())
        await store.delete("wh_1")
        versions.append(await store.version())

        assert len(set(versions)) == 4

    async def test_a_deleted_one_is_unknown(self, store: WebhookStore) -> None:
        stored = await store.store(make_endpoint())
        line = await put(store, Status.SENT)
        await store.delete("wh_1")

        assert await store.endpoints() == []
        assert await store.head(line) is None
        for call in (store.endpoint("wh_1"), store.delete("wh_1"), store.store(stored)):
            with pytest.raises(UnknownEndpoint):
                await call


class FollowerContract:
    """Who follows the changes."""

    async def test_one_follows_until_it_lets_go(self, store: WebhookStore) -> None:
        assert await store.acquire(TOKEN, DAYS)
        assert await store.acquire(TOKEN, DAYS)
        assert not await store.acquire("b", DAYS)
        await store.release("b")
        assert not await store.acquire("b", DAYS)
        await store.release(TOKEN)
        assert await store.acquire("b", DAYS)

    async def test_one_that_is_silent_is_replaced_and_writes_no_more(
        self, store: WebhookStore
    ) -> None:
        endpoint = await store.store(make_endpoint())
        await store.acquire(TOKEN, timedelta(milliseconds=20))
        async with asyncio.timeout(30):
            while not await store.acquire("b", DAYS):  # noqa: ASYNC110 - it ends by itself
                await asyncio.sleep(0.01)

        with pytest.raises(FollowerReplaced):
            await store.append([(endpoint, make_event())], token=TOKEN, position="9-0")
        assert (await store.position(), await store.unsent()) == (None, [])

    async def test_one_whose_lease_is_over_writes_no_more_even_if_nobody_replaced_it(
        self, store: WebhookStore
    ) -> None:
        await store.acquire(TOKEN, timedelta(milliseconds=20))

        await until_replaced(store, TOKEN)

    async def test_of_a_subject_is_told_once_in_a_while(self, store: WebhookStore) -> None:
        endpoint = await store.store(make_endpoint())

        async def told(subject: str, quiet: timedelta) -> bool:
            before = (await store.endpoint("wh_1")).waiting
            once = Once(subject=subject, quiet=quiet)
            await store.append([(endpoint, make_event())], once=once)
            return (await store.endpoint("wh_1")).waiting > before

        assert await told("breaker email.fake", timedelta(milliseconds=20))
        assert await told("breaker sms.fake", DAYS)
        assert not await told("breaker sms.fake", DAYS)
        async with asyncio.timeout(30):
            while not await told("breaker email.fake", DAYS):  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async def test_what_could_not_be_told_is_told_the_next_time(self, store: WebhookStore) -> None:
        entries = [(await store.store(make_endpoint()), make_event())]
        once = Once(subject="breaker sms.fake", quiet=DAYS)
        with pytest.raises(FollowerReplaced):
            await store.append(entries, token=TOKEN, once=once)

        await store.append(entries, once=once)

        assert (await store.endpoint("wh_1")).waiting == 1

    async def test_the_position_moves_with_what_is_appended(self, store: WebhookStore) -> None:
        endpoint = await store.store(make_endpoint())
        await store.acquire(TOKEN, DAYS)
        await store.append([(endpoint, make_event())], token=TOKEN, position="7-1")

        assert await store.position() == "7-1"
        assert (await store.endpoint("wh_1")).waiting == 1


class WebhookStoreContract(EndpointContract, FollowerContract, LineContract, AttemptContract):
    """One suite for all adapters."""
