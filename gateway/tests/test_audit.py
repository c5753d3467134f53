"""Who changed what, when and on how many."""

import json

import pytest
from service_kit.cursors import seal

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def newest(client, count=1):
    page = (await client.get("/audit", params={"limit": count})).json()
    return page["items"]


async def test_a_replay_is_noted_with_how_many_it_was(locked, publisher):
    answer = {"replayed": 7, "dry_run": False}
    publisher.answers(200, body=json.dumps(answer).encode(), content_type="application/json")
    async with locked.client() as operator:
        replayed = await operator.post("/dead-letters/replay", json={"all": True})
        [entry] = await newest(operator)

    assert replayed.json() == answer
    assert entry.pop("at")
    assert entry == {
        "actor": {"name": "first key", "prefix": locked.key.split("_")[2]},
        "action": "replay_dead_letters",
        "target": None,
        "count": 7,
        "status": 200,
        "request_id": replayed.headers["X-Request-ID"],
    }


async def test_a_dry_run_changes_nothing_and_is_not_noted(locked, publisher):
    publisher.answers(
        200, body=b'{"replayed": 0, "dry_run": true}', content_type="application/json"
    )
    async with locked.client() as operator:
        before = await newest(operator)
        tried = await operator.post("/dead-letters/replay", json={"all": True, "dry_run": True})
        after = await newest(operator)

    assert tried.status_code == 200
    assert after == before


async def test_what_was_changed_is_named_and_an_address_is_not(locked, users):
    async with locked.client() as operator:
        await operator.delete("/users/ada%2Flove")
        await operator.delete("/suppressions/sms/%2B12025550199")
        made = await operator.post("/keys", json={"name": "x", "scopes": ["read"]})
        released, deleted = (await newest(operator, 3))[1:]
        [created] = await newest(operator)

    assert (deleted["action"], deleted["target"]) == ("delete_user", "ada/love")
    assert (released["action"], released["target"]) == ("release_address", "sms/…")
    assert (created["action"], created["target"]) == ("create_key", made.json()["prefix"])


async def test_what_no_database_keeps_is_not_noted_as_it_is(locked, users):
    async with locked.client() as operator:
        await operator.delete("/users/a%00%0Ab")
        await operator.delete(f"/users/{'x' * 600}")
        long, broken = await newest(operator, 2)

    assert broken["target"] == "a\ufffd\ufffdb"
    assert long["target"] == "x" * 500


async def test_what_failed_is_noted_with_its_status_and_none_changed(locked, publisher):
    publisher.answers(404, body=b'{"code": "unknown_dead_letter"}')
    async with locked.client() as operator:
        await operator.post("/dead-letters/x/replay")
        [unknown] = await newest(operator)
        await operator.delete("/keys/0000000000")
        [no_key] = await newest(operator)
        publisher.answers(500, body=b"boom")
        await operator.post("/dead-letters/x/replay")
        [broken] = await newest(operator)

    assert (unknown["status"], unknown["count"]) == (404, 0)
    assert (no_key["action"], no_key["status"]) == ("revoke_key", 404)
    assert (broken["status"], broken["count"]) == (503, 0)


async def test_sends_reads_and_what_no_key_was_good_for_are_not_in_it(locked, publisher, users):
    async with locked.client() as client, locked.client("") as nobody:
        await client.post("/providers/email/test", json={})
        before = await newest(client)
        await client.post("/notifications", json={"user_id": "a", "message": "b"})
        await client.put("/users/ada", json={})
        await client.get("/users")
        await nobody.post("/dead-letters/replay", json={"all": True})
        after = await newest(client)

    assert before == after


async def test_the_list_goes_on_from_page_to_page(locked, users):
    async with locked.client() as operator:
        for number in range(3):
            await operator.delete(f"/users/page-{number}")
        first = (await operator.get("/audit", params={"limit": 2})).json()
        following = {"limit": 1, "cursor": first["next_cursor"]}
        rest = (await operator.get("/audit", params=following)).json()

    targets = [each["target"] for each in (*first["items"], *rest["items"])]
    assert targets == ["page-2", "page-1", "page-0"]


async def test_without_keys_the_actor_is_nobody(client, users):
    await client.delete("/users/ada")

    [entry] = await newest(client)
    assert (entry["actor"], entry["action"], entry["target"]) == (None, "delete_user", "ada")


@pytest.mark.parametrize("place", ["9" * 30, "x"])
async def test_a_cursor_that_was_made_up_is_refused(locked, place):
    async with locked.client() as operator:
        refused = await operator.get("/audit", params={"cursor": seal("audit", place)})

    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "invalid_cursor")
