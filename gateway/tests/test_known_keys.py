"""Who is known, for how long, and what happens while the store is down."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from gateway.application.known_keys import OUTLIVES_STORE, KnownKeys
from gateway.application.manage_keys import ManageKeys, WantedKey
from gateway.application.ports import StoreUnavailable
from gateway.application.sessions import SESSION_LASTS, Sessions
from gateway.infrastructure.memory import InMemoryKeys
from notification_contracts.http.callers import KeyKind
from notification_contracts.http.scopes import Scope
from testkit.clock import FrozenClock

ADMIN = WantedKey(name="Ada", kind=KeyKind.LIVE, scopes=frozenset({Scope.ADMIN}))
SENDER = WantedKey(name="shop", kind=KeyKind.LIVE, scopes=frozenset({Scope.SEND}))


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture
def store():
    return InMemoryKeys()


@pytest.fixture
def manage(store, clock):
    return ManageKeys(store=store, now=clock)


@pytest.fixture
def make_known(store, clock):
    """Make what one gateway knows."""
    return lambda: KnownKeys(
        store,
        now=lambda: clock().timestamp(),
        clock=lambda: clock.steady().timestamp(),
    )


@pytest.fixture
def known(make_known):
    return make_known()


@pytest.fixture
def sessions(store, known, clock):
    return Sessions(store=store, known=known, now=clock)


async def test_a_new_key_is_known_at_once_by_every_gateway(known, make_known, manage):
    other = make_known()
    await known.refresh()
    made = await manage.make(SENDER)

    for each in (known, other):
        assert (await each.caller_with_key(made.text)).key == made.key


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-1] + ("0" if text[-1] != "0" else "1"),
        lambda text: text.replace("an_live_", "an_test_"),
        lambda text: f"{text}0",
        lambda text: text.upper(),
        lambda _: "an_live_0000000000_" + "0" * 64,
        lambda _: "",
        lambda _: "ü",
    ],
)
async def test_what_is_not_the_very_text_of_a_key_is_nobodys(known, manage, change):
    made = await manage.make(SENDER)

    assert await known.caller_with_key(made.text) is not None
    assert await known.caller_with_key(change(made.text)) is None


async def test_a_revoked_key_is_nobodys_after_the_next_refresh_and_what_it_watches_ends(
    known, manage
):
    await manage.make(ADMIN)
    made = await manage.make(SENDER)
    caller = await known.caller_with_key(made.text)

    with known.watching(caller) as ended:
        await known.refresh()
        assert not ended.is_set()
        await manage.revoke(made.key.prefix)
        await known.refresh()
        assert ended.is_set()

    assert await known.caller_with_key(made.text) is None


async def test_a_key_that_expires_is_nobodys_from_that_second_on(known, manage, clock):
    made = await manage.make(
        WantedKey(
            name="week",
            kind=KeyKind.LIVE,
            scopes=frozenset({Scope.READ}),
            expires_at=clock() + timedelta(seconds=10),
        )
    )
    caller = await known.caller_with_key(made.text)

    with known.watching(caller) as ended:
        clock.advance(timedelta(seconds=9))
        await known.refresh()
        assert not ended.is_set()
        clock.advance(timedelta(seconds=1))
        assert known.known_with_key(made.text) is None
        await known.refresh()
        assert ended.is_set()


async def test_a_rotated_key_and_the_new_one_count_until_the_grace_ends(known, manage, clock):
    made = await manage.make(SENDER)

    fresh = await manage.rotate(made.key.prefix, timedelta(hours=1))
    await known.refresh()

    assert known.known_with_key(made.text).key.family == made.key.prefix
    assert known.known_with_key(fresh.text).key.family == made.key.prefix
    clock.advance(timedelta(hours=1))
    assert known.known_with_key(made.text) is None
    assert (await manage.find(fresh.key.prefix)).scopes == made.key.scopes


async def test_known_keys_outlive_a_store_that_is_down_for_a_while_and_unknown_ones_do_not(
    known, manage, store, clock
):
    made = await manage.make(SENDER)
    await known.refresh()
    unknown = await manage.make(SENDER)
    store.is_down = True

    assert await known.caller_with_key(made.text) is not None
    with pytest.raises(StoreUnavailable):
        await known.caller_with_key(unknown.text)
    clock.advance(OUTLIVES_STORE)
    assert await known.caller_with_key(made.text) is not None
    known.check()
    clock.advance(timedelta(seconds=1))
    with pytest.raises(StoreUnavailable):
        await known.caller_with_key(made.text)
    with pytest.raises(StoreUnavailable):
        known.check()

    store.is_down = False
    await known.refresh()
    assert await known.caller_with_key(made.text) is not None
    assert await known.caller_with_key(unknown.text) is not None


class HeldStore(InMemoryKeys):
    """A store that answers only when it is let go; counts how often it is asked."""

    def __init__(self):
        super().__init__()
        self.free, self.asked = asyncio.Event(), 0

    async def changes(self, after):
        self.asked += 1
        await self.free.wait()
        return await super().changes(after)


async def test_many_who_are_not_known_share_one_question_and_one_that_breaks_off_counts_not():
    store = HeldStore()
    known = KnownKeys(store)
    made = await ManageKeys(store=store, now=lambda: datetime.now(UTC)).make(SENDER)

    first, *others = (asyncio.create_task(known.caller_with_key(made.text)) for _ in range(50))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    store.free.set()
    found = await asyncio.gather(*others)

    assert [caller.key for caller in found] == [made.key] * 49
    assert store.asked <= 3


async def test_nobody_is_let_in_before_the_keys_were_read(known, manage, store):
    made = await manage.make(SENDER)
    store.is_down = True

    with pytest.raises(StoreUnavailable):
        await known.caller_with_key(made.text)


async def test_uses_are_written_down_once_and_not_lost_while_the_store_is_down(
    known, manage, store, clock
):
    made = await manage.make(SENDER)
    await known.caller_with_key(made.text)
    store.is_down = True
    with pytest.raises(StoreUnavailable):
        await known.note_uses()
    store.is_down = False

    await known.note_uses()
    used_at = clock()
    clock.advance(timedelta(minutes=1))
    await known.note_uses()

    assert (await manage.find(made.key.prefix)).last_used_at == used_at


async def test_a_session_stands_for_its_key_on_every_gateway_until_it_is_over(
    known, make_known, manage, sessions, clock
):
    made = await manage.make(SENDER)
    caller, token = await sessions.open(made.text)
    other = make_known()

    for each in (known, other):
        assert (await each.caller_in_session(token)).key == made.key
    assert caller.session.expires_at == clock() + SESSION_LASTS
    clock.advance(SESSION_LASTS)
    for each in (known, other):
        assert await each.caller_in_session(token) is None


async def test_an_ended_session_ends_on_every_gateway(known, make_known, manage, sessions):
    made = await manage.make(SENDER)
    caller, token = await sessions.open(made.text)
    other = make_known()
    elsewhere = await other.caller_in_session(token)

    with other.watching(elsewhere) as ended:
        await sessions.end(caller.session)
        await other.refresh()
        assert ended.is_set()

    assert await known.caller_in_session(token) is None
    assert await other.caller_in_session(token) is None


async def test_a_session_ends_with_its_key(known, manage, sessions):
    await manage.make(ADMIN)
    made = await manage.make(SENDER)
    _, token = await sessions.open(made.text)

    await manage.revoke(made.key.prefix)
    await known.refresh()

    assert await known.caller_in_session(token) is None
    assert await sessions.open(made.text) is None


async def test_a_session_never_outlives_the_end_of_its_key(manage, sessions, clock):
    ends = clock() + timedelta(minutes=5)
    made = await manage.make(
        WantedKey(name="x", kind=KeyKind.LIVE, scopes=frozenset({Scope.READ}), expires_at=ends)
    )

    caller, _ = await sessions.open(made.text)

    assert caller.session.expires_at == ends
    assert datetime.fromtimestamp(caller.ends, UTC) == ends


async def test_neither_a_key_nor_a_session_shows_what_could_be_used(manage, sessions):
    made = await manage.make(SENDER)
    caller, token = await sessions.open(made.text)

    shown = f"{made.key!r} {caller!r}"
    assert made.text not in shown
    assert token not in shown
    assert made.key.digest.hex() not in shown
    assert repr(made.key.digest) not in shown


async def test_the_error_of_a_store_that_is_down_does_not_grow_with_those_who_meet_it(
    known, store, manage
):
    made = await manage.make(SENDER)
    store.is_down = True
    met = []
    for _ in range(3):
        with pytest.raises(StoreUnavailable) as caught:
            await known.caller_with_key(made.text)
        met.append(caught.value)

    assert len(set(map(id, met))) == 3
