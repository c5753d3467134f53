"""Keys with limits, through the gateway: what is refused, and what every answer says."""

import asyncio
import json
from contextlib import asynccontextmanager

import httpx
import pytest
from gateway.main import build
from gateway.settings import GatewaySettings
from testkit.http import asgi_client, live_server

pytestmark = pytest.mark.asyncio(loop_scope="module")

TOKEN = "0123456789abcdef"
BODY = {"user_id": "u", "message": "m"}


async def many(client, count):
    """Ask so often at once: whatever a slow machine does, not all of it comes seconds later."""
    return await asyncio.gather(*(client.get("/notifications") for _ in range(count)))


@pytest.fixture
def limited(places, publisher, tmp_path):
    """Open a gateway that needs keys; give its client, and one with a key that has these limits."""

    @asynccontextmanager
    async def run(*, defaults=None, **limits):
        app = build(
            GatewaySettings(
                publisher_url=places[0].url,
                gateway_auth="keys",
                gateway_database_url=f"sqlite+aiosqlite:///{tmp_path}/gateway.db",
                gateway_first_key_path=tmp_path / "first-key",
                internal_token=TOKEN,
                **(defaults or {}),
            )
        )
        async with asgi_client(app) as client:
            admin = {"Authorization": f"Bearer {(tmp_path / 'first-key').read_text().strip()}"}
            asked = {"name": "shop", "scopes": ["send", "read"], "limits": limits}
            made = await client.post("/keys", json=asked, headers=admin)
            assert made.status_code == 201, made.text
            client.headers["Authorization"] = f"Bearer {made.json()['key']}"
            yield client, admin

    return run


async def test_requests_beyond_the_bucket_are_refused_and_told_when_to_come_again(
    limited, publisher
):
    async with limited(requests_per_second=1, burst=3) as (client, admin):
        first = await client.get("/notifications")
        answers = await many(client, 20)
        others = await client.get("/keys", headers=admin)

    refused = next(each for each in answers if each.status_code != 200)
    passed = [first, *(each for each in answers if each.status_code == 200)]
    assert len(passed) >= 3
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
    assert refused.json()["type"] == "urn:asyncnotify:problem:rate_limited"
    assert refused.headers["Retry-After"] == "1"
    assert first.headers["RateLimit-Policy"] == '"requests";q=3;w=3'
    assert first.headers["RateLimit"] == '"requests";r=2;t=1'
    assert refused.headers["RateLimit"].startswith('"requests";r=0;t=')
    assert others.status_code == 200
    assert "RateLimit" not in others.headers
    assert len(publisher.seen) == len(passed)


async def test_keys_without_limits_of_their_own_have_the_defaults(limited):
    defaults = {"key_requests_per_second": 1, "key_burst": 2}
    async with limited(defaults=defaults) as (client, _):
        statuses = [each.status_code for each in await many(client, 20)]
    assert set(statuses) == {200, 429}
    assert statuses.count(200) >= 2


async def test_a_days_notifications_are_counted_also_in_batches(limited, publisher):
    async with limited(notifications_per_day=5) as (client, _):
        publisher.answers(202)
        one = await client.post("/notifications", json=BODY)
        read = await client.get("/notifications")
        items = [{"status": 202}] * 4
        publisher.answers(200, body=json.dumps({"items": items}).encode())
        too_many = await client.post("/notifications/batch", json={"notifications": [BODY] * 5})
        many = await client.post("/notifications/batch", json={"notifications": [BODY] * 4})
        over = await client.post("/notifications", json=BODY)

    assert [each.status_code for each in (one, read, many)] == [202, 202, 200]
    assert one.headers["RateLimit-Policy"] == '"notifications";q=5;w=86400'
    assert one.headers["RateLimit"].startswith('"notifications";r=4;t=')
    assert "RateLimit" not in read.headers
    for refused in (too_many, over):
        assert (refused.status_code, refused.json()["code"]) == (429, "daily_limit")
        assert 0 < int(refused.headers["Retry-After"]) <= 86_400
        assert "with this key today; there is more in" in refused.json()["detail"]
    assert [request["path"] for request in publisher.seen].count("/notifications/batch") == 1


async def test_what_was_not_accepted_does_not_count(limited, publisher):
    batch = {"notifications": [BODY] * 3}
    async with limited(notifications_per_day=3) as (client, _):
        publisher.answers(422, body=b"{}", content_type="application/problem+json")
        refused = [await client.post("/notifications", json=BODY) for _ in range(4)]
        publisher.answers(202, idempotent_replayed="true")
        replayed = [await client.post("/notifications", json=BODY) for _ in range(4)]
        items = [{"status": 202}, {"status": 422}, {"status": 202, "replayed": True}]
        publisher.answers(200, body=json.dumps({"items": items}).encode())
        partly = await client.post("/notifications/batch", json=batch)
        publisher.answers(202)
        left = [await client.post("/notifications", json=BODY) for _ in range(3)]

    assert {each.status_code for each in refused} == {422}
    assert {each.status_code for each in replayed} == {202}
    assert partly.status_code == 200
    assert [each.status_code for each in left] == [202, 202, 429]


async def test_a_body_that_is_no_batch_is_left_to_the_service(limited, publisher):
    async with limited(notifications_per_day=3) as (client, _):
        for body in (b"{", b"[]", b'{"notifications":1}', b'{"notifications":null}', b"{}"):
            assert (await client.post("/notifications/batch", content=body)).status_code == 200
    assert len(publisher.seen) == 5


async def test_a_key_that_is_rotated_counts_on(limited, publisher):
    async with limited(notifications_per_day=2) as (client, admin):
        publisher.answers(202)
        await client.post("/notifications", json=BODY)
        prefix = client.headers["Authorization"].split("_")[2]
        rotated = await client.post(f"/keys/{prefix}/rotate", content=b"{}", headers=admin)
        client.headers["Authorization"] = f"Bearer {rotated.json()['key']}"
        again = [await client.post("/notifications", json=BODY) for _ in range(2)]
    assert [each.status_code for each in again] == [202, 429]


async def test_a_key_has_so_many_streams_open_and_another_one_its_own(
    limited, publisher, places, tmp_path
):
    publisher.answers(200, content_type="text/event-stream")
    publisher.events = [b": hello\n\n"]
    async with limited(streams=1) as (client, admin):
        app = client._transport.app
        async with live_server(app) as url:
            headers = dict(client.headers)
            async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=60) as http:
                async with http.stream("GET", "/events", headers=headers) as first:
                    second = await http.get("/events", headers=headers)
                    async with http.stream("GET", "/events", headers=admin) as others:
                        seen = first.status_code, second.status_code, others.status_code
                async with asyncio.timeout(60):
                    while publisher.open_streams:
                        await asyncio.sleep(0.02)
                async with http.stream("GET", "/events", headers=headers) as again:
                    assert again.status_code == 200

    assert seen == (200, 429, 200)
    assert second.json()["code"] == "stream_limit"
    assert int(second.headers["Retry-After"]) > 0
