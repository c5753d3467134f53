from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from notification_contracts.states import Status
from notification_ledger.memory import MemoryLedger
from notification_ledger.reading import ChangesMissed, StatusChange
from notification_ledger.webhooks.endpoints import EndpointSettings
from notification_ledger.webhooks.memory import InMemoryWebhookStore
from notification_ledger.webhooks.port import FollowerReplaced
from notification_publisher.application.follow_changes import FollowChanges
from testkit.ledger.webhook_examples import make_endpoint, until_replaced

HOOK = EndpointSettings(url="https://example.com/hook")


@pytest.fixture
def store(clock):
    return InMemoryWebhookStore(now=clock)


@pytest.fixture
async def follow(store, ledger):
    await store.acquire("me", timedelta(days=1))
    return FollowChanges(store=store, ledger=ledger, token="me")


async def changes_of(ledger: MemoryLedger, after: str) -> list[StatusChange]:
    """Return all changes after one of them."""
    found: list[StatusChange] = []
    async with aclosing(ledger.changes(after)) as changes:
        while not found or found[-1].id != await ledger.latest_change():
            change = await anext(changes)
            assert not isinstance(change, ChangesMissed)
            found.append(change)
    return found


def told(store: InMemoryWebhookStore) -> list[tuple[str, str]]:
    """Say who is told what, in the order of each line."""
    return [
        (name[0], str(event.data["status"]))
        for name, events in store._waiting.items()
        for event in events
    ]


async def test_each_endpoint_is_told_of_what_it_wants(follow, store, ledger, harness):
    wanted: dict[str, dict[str, Any]] = {
        "wh_all": {},
        "wh_sent": {"statuses": (Status.SENT,)},
        "wh_sms": {"channels": ("sms",)},
        "wh_orders": {"tags": ("orders",), "statuses": (Status.QUEUED,)},
    }
    for name, filters in wanted.items():
        settings = replace(HOOK, **filters)
        await store.store(make_endpoint(name, settings=settings))
    start = await ledger.latest_change()
    await harness.send(tags=("orders",), reference="o-7")
    await (await harness.forward()).ack()

    await follow.put(await changes_of(ledger, start))

    assert sorted(told(store)) == [
        ("wh_all", "queued"),
        ("wh_all", "sent"),
        ("wh_all", "validated"),
        ("wh_orders", "queued"),
        ("wh_sent", "sent"),
    ]
    first = next(iter(store._waiting.values()))[0]
    assert (first.data["reference"], first.data["tags"]) == ("o-7", ["orders"])
    assert await store.position() == await ledger.latest_change()


async def test_one_is_told_only_of_what_happens_after_it_was_made(follow, store, ledger, harness):
    start = await ledger.latest_change()
    await harness.send()
    await store.store(make_endpoint("wh_1", settings=HOOK, since=await ledger.latest_change()))
    await harness.forward()

    await follow.put(await changes_of(ledger, start))

    assert told(store) == [("wh_1", "validated")]


async def test_one_that_was_made_after_the_changes_were_read_is_not_missed(
    follow, store, ledger, harness
):
    await store.store(make_endpoint("wh_1", settings=HOOK))
    await follow.followers()
    since = await ledger.latest_change()
    await harness.send()
    read = await changes_of(ledger, since)
    await store.store(make_endpoint("wh_2", settings=HOOK, since=since))

    await follow.put(read)

    assert told(store) == [("wh_1", "queued"), ("wh_2", "queued")]


async def test_who_was_replaced_puts_nothing_anywhere(follow, store, ledger, harness):
    await store.store(make_endpoint("wh_1", settings=HOOK))
    start = await ledger.latest_change()
    await harness.send()
    await store.release("me")
    await store.acquire("another", timedelta(days=1))

    with pytest.raises(FollowerReplaced):
        await follow.put(await changes_of(ledger, start))
    assert told(store) == []


async def test_recovering_takes_longer_than_a_lease_and_stays_the_follower(store, ledger, harness):
    follow = FollowChanges(store=store, ledger=ledger, token="me")
    await store.acquire("me", timedelta(milliseconds=20))
    await store.store(make_endpoint("wh_1", settings=HOOK))
    for _ in range(3):
        await harness.send()
    await until_replaced(store, "me")
    renewed = []

    async def renew() -> None:
        renewed.append(await store.acquire("me", timedelta(days=1)))

    count, disabled = await follow.recover("0-0", renew)

    assert renewed
    assert all(renewed)
    assert (count, disabled) == (3, [])
    assert told(store) == [("wh_1", "queued")] * 3
    assert await store.position() == await ledger.latest_change()


async def test_recovering_asks_for_the_lease_even_where_nothing_is_found(follow, ledger):
    renewed = []

    async def renew() -> None:
        renewed.append(True)

    assert await follow.recover(await ledger.latest_change(), renew) == (0, [])
    assert renewed


async def test_what_happened_before_all_endpoints_were_made_is_passed_over(
    follow, store, ledger, harness
):
    await store.append([], token="me", position="1-0")  # an endpoint that was deleted long ago
    await harness.send()
    since = await ledger.latest_change()
    await store.store(make_endpoint("wh_1", settings=HOOK, since=since))

    assert await follow.position(await follow.followers()) == since


async def test_who_goes_on_begins_where_the_last_one_ended(follow, store, ledger, harness):
    await store.store(make_endpoint("wh_1", settings=HOOK))
    await harness.send()
    latest = await ledger.latest_change()
    await store.append([], token="me", position=latest)

    assert await follow.position(await follow.followers()) == latest
