"""What clients and operators see while the store of keys, or that of the audit list, is down."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from gateway.application.audit import AuditTrail
from gateway.application.first_key import SetUpFirstKey
from gateway.application.known_keys import KnownKeys
from gateway.application.manage_keys import ManageKeys, WantedKey
from gateway.application.ports import AuditEntry
from gateway.infrastructure.key_file import PrivateKeyFile
from gateway.infrastructure.memory import InMemoryAudit, InMemoryKeys
from gateway.interface.key_upkeep import KeyUpkeep
from gateway.main import build
from gateway.settings import GatewaySettings
from notification_contracts.http.callers import KeyKind
from notification_contracts.http.scopes import Scope
from testkit.http import asgi_client

READER = WantedKey(name="reader", kind=KeyKind.LIVE, scopes=frozenset({Scope.READ, Scope.ADMIN}))
ENTRY = AuditEntry(
    at=datetime(2027, 1, 31, tzinfo=UTC),
    actor_name=None,
    actor_prefix=None,
    action="delete_user",
    target="ada",
    count=1,
    status=204,
    request_id="r",
)


def now():
    return datetime.now(UTC)


@pytest.fixture
def store():
    return InMemoryKeys()


async def test_who_is_known_goes_on_and_who_is_not_is_told_to_try_again(store, tmp_path):
    manage = ManageKeys(store=store, now=now)
    known, unknown = await manage.make(READER), await manage.make(READER)
    settings = GatewaySettings(
        gateway_auth="keys",
        gateway_database_url=f"sqlite+aiosqlite:///{tmp_path}/gateway.db",
        internal_token="what-services-know",
    )

    async with asgi_client(build(settings, store=store)) as client:

        async def ask(method, path, key):
            shown = {"Authorization": f"Bearer {key}"}
            return await client.request(method, path, headers=shown, json={})

        store.is_down = True
        stranger = f"an_live_0000000000_{'ab' * 32}"
        answers = [await ask("GET", "/metrics", each) for each in (known.text, stranger)]
        changed = await ask("POST", f"/keys/{unknown.key.prefix}/rotate", known.text)
        nonsense = await ask("GET", "/metrics", "nonsense")
        sign_in = await client.post("/session", json={"key": stranger})

    assert [answer.status_code for answer in answers] == [200, 503]
    assert (changed.status_code, nonsense.status_code, sign_in.status_code) == (503, 401, 503)
    for answer in (answers[1], changed, sign_in):
        assert answer.json()["code"] == "key_store_unavailable"
        assert answer.headers["Retry-After"]


async def test_what_was_changed_meanwhile_is_written_down_in_order_when_the_store_is_back():
    log = InMemoryAudit()
    trail = AuditTrail(log, now)
    log.is_down = True
    for count in (1, 2):
        await trail.note(replace(ENTRY, count=count))
    log.is_down = False
    await trail.note(replace(ENTRY, count=3))

    assert [entry.count for _, entry in await trail.page(after=None, limit=9)] == [3, 2, 1]


async def test_what_was_being_written_down_when_its_call_was_cancelled_is_not_lost():
    class Slow(InMemoryAudit):
        begun = asyncio.Event()
        answer = asyncio.Event()

        async def add(self, entries):
            self.begun.set()
            await self.answer.wait()
            await super().add(entries)

    log = Slow()
    trail = AuditTrail(log, now)
    noting = asyncio.create_task(trail.note(replace(ENTRY, count=1)))
    await log.begun.wait()
    noting.cancel()
    await asyncio.gather(noting, return_exceptions=True)
    log.answer.set()
    await trail.note(replace(ENTRY, count=2))

    assert [entry.count for _, entry in await trail.page(after=None, limit=9)] == [2, 1]


async def test_a_first_key_that_could_not_be_made_at_the_start_is_made_later(store, tmp_path):
    known, stopping = KnownKeys(store), asyncio.Event()
    file = PrivateKeyFile(tmp_path / "first-key")
    upkeep = KeyUpkeep(
        known,
        AuditTrail(InMemoryAudit(), now),
        first_key=SetUpFirstKey(store=store, file=file, now=now),
    )
    store.is_down = True
    await upkeep.start()
    assert file.text() is None

    store.is_down = False
    running = asyncio.create_task(upkeep.run(stopping))
    async with asyncio.timeout(60):
        while not (text := file.text()) or known.known_with_key(text) is None:
            await asyncio.sleep(0.05)
    stopping.set()
    await running
    await upkeep.stop()

    [key] = await store.page(after=None, limit=9)
    assert key.last_used_at is not None


async def test_what_the_audit_list_had_no_room_for_is_counted():
    log = InMemoryAudit()
    log.is_down = True
    trail = AuditTrail(log, now)
    for number in range(10_002):
        await trail.note(replace(ENTRY, count=number))
    log.is_down = False
    await trail.write_waiting()

    [(_, newest)] = await trail.page(after=None, limit=1)
    assert (trail.lost, newest.count) == (2, 10_001)
