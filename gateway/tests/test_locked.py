"""With GATEWAY_AUTH=keys: who comes in, and what the services hear of them."""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")

SSE = [(b"content-type", b"text/event-stream")]
SEND = {"user_id": "ada", "message": "hello"}


async def until(what, seconds=60.0):
    """Wait for a condition; what a gateway knows is a few seconds old."""
    deadline = time.monotonic() + seconds
    while not (found := await what()):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)
    return found


def header(request, name):
    return [value for each, value in request["headers"] if each == name]


async def test_a_key_is_the_only_way_in_and_says_so(locked):
    async with locked.client("") as nobody:
        refused = await nobody.get("/users")

    assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    assert refused.headers["Content-Type"] == "application/problem+json"


async def test_a_key_without_the_scope_is_told_which_it_lacks(locked):
    async with locked.client(await locked.new_key("send")) as sender:
        refused = await sender.get("/users")

    assert (refused.status_code, refused.json()["code"]) == (403, "missing_scope")
    assert 'scope="read"' in refused.headers["WWW-Authenticate"]


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_services_hear_whose_key_it_is_and_never_the_key(locked, publisher, scheme):
    key = await locked.new_key("send", kind="test")
    said = {"Authorization": f"{scheme} {key}", "X-Key-Id": "me", "X-Key-Kind": "live"}
    async with locked.client("") as client:
        await client.post("/notifications", json=SEND, headers=said)

    [seen] = publisher.seen
    assert header(seen, "x-key-id") == [key.split("_")[2]]
    assert header(seen, "x-key-kind") == ["test"]
    assert header(seen, "authorization") == []
    assert key not in json.dumps(seen)


async def test_a_rotated_key_is_the_same_client_to_the_services(locked, publisher):
    key = await locked.new_key("send")
    prefix = key.split("_")[2]
    async with locked.client() as admin:
        rotated = await admin.post(f"/keys/{prefix}/rotate", json={})
        shown = (await admin.get(f"/keys/{prefix}")).json()

    async with locked.client(rotated.json()["key"]) as client:
        await client.post("/notifications", json=SEND)

    assert header(publisher.seen[0], "x-key-id") == [prefix]
    assert shown["replaced_by"] == rotated.json()["prefix"]
    assert shown["is_active"]


async def test_a_provider_that_posts_a_receipt_cannot_say_whose_key_it_has(locked, dispatcher):
    async with locked.client("") as provider:
        answer = await provider.post("/receipts/smtp", content=b"x", headers={"X-Key-Id": "me"})

    assert answer.status_code == 200
    assert header(dispatcher.seen[0], "x-key-id") == []


@pytest.mark.parametrize(
    "headers",
    [
        [("Authorization", "Basic {key}")],
        [("Authorization", "{key}")],
        [("Authorization", "Bearer")],
        [("Authorization", "Bearer {key} {key}")],
        [("Authorization", "Bearer {key}"), ("Authorization", "Bearer {key}")],
        [("X-Api-Key", "{key}")],
        [("Cookie", "asyncnotify_session={key}")],
        [("Authorization", "Bearer x"), ("Cookie", "asyncnotify_session={session}")],
    ],
)
async def test_there_is_one_way_to_show_a_key(locked, users, headers):
    async with locked.client("") as client:
        signed_in = await client.post("/session", json={"key": locked.key})
        session = signed_in.cookies["asyncnotify_session"]
        shown = [(name, each.format(key=locked.key, session=session)) for name, each in headers]
        client.cookies.clear()
        refused = await client.get("/users", headers=shown)

    assert refused.status_code == 401
    assert users.seen == []


async def test_a_second_gateway_and_one_that_starts_again_know_keys_and_sessions(
    open_locked, tmp_path, users
):
    async with open_locked(tmp_path) as one, open_locked(tmp_path) as two:
        assert one.key == two.key
        key = await one.new_key("read")
        async with one.client("") as page:
            signed_in = await page.post("/session", json={"key": key})
        cookie = f"asyncnotify_session={signed_in.cookies['asyncnotify_session']}"

        async def is_let_in(gateway, shown):
            async with gateway.client("") as client:
                return (await client.get("/users", headers=shown)).status_code == 200

        shown = [{"Authorization": f"Bearer {key}"}, {"Cookie": cookie}]
        assert all([await is_let_in(two, each) for each in shown])
        async with open_locked(tmp_path) as again:
            assert all([await is_let_in(again, each) for each in shown])

        await one.revoke(key)

        async def is_refused():
            return not any([await is_let_in(two, each) for each in shown])

        await until(is_refused)


async def test_a_key_bound_to_channels_names_one_of_them(locked, publisher):
    key = await locked.new_key("send", channels=["email", "sms"])
    async with locked.client(key) as client:
        fine = await client.post("/notifications", json={**SEND, "channel": "sms"})
        answers = [
            await client.post("/notifications", content=json.dumps(body))
            for body in (SEND, {**SEND, "channel": "push"}, {**SEND, "channel": ["sms"]})
        ]
        twice = b'{"user_id": "a", "message": "m", "channel": "email", "channel": "push"}'
        answers.append(await client.post("/notifications", content=twice))

    assert fine.status_code == 200
    assert len(publisher.seen) == 1
    for answer in answers:
        assert answer.status_code == 422
        [error] = answer.json()["errors"]
        assert (error["pointer"], error["code"]) == ("/channel", "channel_not_allowed")


async def test_a_batch_names_a_channel_in_each_item(locked, publisher):
    key = await locked.new_key("send", channels=["email"])
    items = [{**SEND, "channel": "email"}, SEND, {**SEND, "channel": "push"}]
    async with locked.client(key) as client:
        refused = await client.post("/notifications/batch", json={"notifications": items})
        await client.post("/notifications/batch", json={"notifications": items[:1]})

    assert [each["pointer"] for each in refused.json()["errors"]] == [
        "/notifications/1/channel",
        "/notifications/2/channel",
    ]
    assert len(publisher.seen) == 1


async def test_a_revoked_key_is_refused_and_its_streams_end(locked, publisher):
    publisher.headers, publisher.events = SSE, [b": hello\n\n"]
    key = await locked.new_key("read")
    async with asyncio.timeout(60), locked.client(key) as client:
        async with client.stream("GET", "/events") as stream:
            chunks = stream.aiter_bytes()
            await anext(chunks)
            await locked.revoke(key)
            rest = [chunk async for chunk in chunks]

        async def is_refused():
            return (await client.get("/users")).status_code == 401

        await until(is_refused)
    assert rest == []
    assert stream.status_code == 200


async def test_a_stream_ends_when_its_key_expires(locked, publisher):
    publisher.headers, publisher.events = SSE, [b": hello\n\n"]
    ends = datetime.now(UTC) + timedelta(seconds=3)
    key = await locked.new_key("read", expires_at=ends.isoformat())

    async with (
        asyncio.timeout(60),
        locked.client(key) as client,
        client.stream("GET", "/events") as stream,
    ):
        async for _ in stream.aiter_bytes():
            pass

    assert datetime.now(UTC) >= ends


async def test_a_key_is_named_in_the_log_and_never_written_into_it(locked, users, capfd):
    async with locked.client() as admin:
        await admin.get("/users")
        await admin.post("/session", json={"key": locked.key})

    written = "".join(capfd.readouterr())
    assert f"key={locked.key.split('_')[2]}" in written
    assert locked.key.split("_")[3] not in written
