"""Which keys can be made, and what is shown of them."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from gateway.application.manage_keys import ManageKeys, WantedKey, key_from
from gateway.application.ports import UnknownKey
from gateway.domain.keys import new_key_text
from gateway.infrastructure.memory import InMemoryKeys
from notification_contracts.http.callers import KeyKind
from notification_contracts.http.scopes import Scope
from service_kit.cursors import seal

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize(
    ("asked", "pointer"),
    [
        ({"scopes": []}, "/scopes"),
        ({"scopes": ["all"]}, "/scopes/0"),
        ({"name": ""}, "/name"),
        ({"name": "a\nb"}, "/name"),
        ({"channels": []}, "/channels"),
        ({"channels": ["pigeon"]}, "/channels/0"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "/expires_at"),
        ({"limits": {"burst": 0}}, "/limits/burst"),
        ({"kind": "test", "scopes": ["admin"]}, ""),
        ({"kind": "test", "scopes": ["send", "operate"]}, ""),
        ({"secret": "x"}, "/secret"),
    ],
)
async def test_a_key_that_cannot_be_made_is_refused_by_the_field(locked, asked, pointer):
    async with locked.client() as admin:
        refused = await admin.post("/keys", json={"name": "x", "scopes": ["send"], **asked})

    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == pointer


async def test_keys_are_listed_in_pages_without_their_secrets(locked):
    made = [await locked.new_key("send") for _ in range(3)]
    async with locked.client() as admin:
        first = (await admin.get("/keys", params={"limit": 2})).json()
        rest = (await admin.get("/keys", params={"cursor": first["next_cursor"]})).json()
        refused = await admin.get("/keys", params={"cursor": "x"})

    shown = [each["prefix"] for each in (*first["items"], *rest["items"])]
    assert shown[:3] == [key.split("_")[2] for key in reversed(made)]
    assert not any(key.split("_")[3] in json.dumps([first, rest]) for key in made)
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "invalid_cursor")


@pytest.mark.parametrize(
    "place", ["0001-01-01T00:00:00+14:00 0123456789", "2027-01-31T09:00:00+00:00 a\x00"]
)
async def test_a_cursor_that_was_made_up_is_refused(locked, place):
    async with locked.client() as admin:
        refused = await admin.get("/keys", params={"cursor": seal("keys", place)})

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "invalid_cursor")


async def test_no_store_is_asked_for_what_is_no_prefix():
    keys = ManageKeys(store=InMemoryKeys(), now=lambda: datetime.now(UTC))
    odd = key_from(
        new_key_text(KeyKind.LIVE),
        WantedKey(name="odd", kind=KeyKind.LIVE, scopes=frozenset({Scope.READ})),
        now=datetime.now(UTC),
    )
    await keys.store.add(replace(odd, prefix="a\x00"))

    for ask in (keys.find, keys.revoke, lambda prefix: keys.rotate(prefix, timedelta())):
        with pytest.raises(UnknownKey):
            await ask("a\x00")
