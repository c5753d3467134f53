"""With GATEWAY_AUTH=keys no call of the document works without its scope."""

import asyncio
import json
import re
import sys
import time
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from gateway.document import document_text

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCOPES = ("send", "read", "operate", "admin")
CALLS = [
    (method.upper(), path, call)
    for path, item in json.loads(document_text())["paths"].items()
    for method, call in item.items()
]
LOCKED = [each for each in CALLS if each[2]["x-scope"] != "none"]
OPEN = [each for each in CALLS if each[2]["x-scope"] == "none"]
NO_PAGE = {"Sec-Fetch-Site": "same-origin"}


async def ask(client, method, path, headers):
    """Ask for a call with something in each place of its path; return the status."""
    filled = re.sub(r"\{\w+\}", "0000000000", path)
    body = b"{}" if method in {"POST", "PUT"} else None
    async with client.stream(method, filled, headers=headers, content=body) as answer:
        return answer.status_code


async def refused(client, headers):
    return await ask(client, "GET", "/users", headers) == 401


async def until_refused(client, headers):
    deadline = time.monotonic() + 60
    while not await refused(client, headers):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def useless(locked):
    """What somebody might show who has no key that counts, by what it is."""
    ends = datetime.now(UTC) + timedelta(seconds=1)
    expired = await locked.new_key(*SCOPES, expires_at=ends.isoformat())
    revoked = await locked.new_key(*SCOPES)
    async with locked.client("") as client:
        signed_in = await client.post("/session", json={"key": revoked})
        client.cookies.clear()
        cookie = f"asyncnotify_session={signed_in.cookies['asyncnotify_session']}"
        await locked.revoke(revoked)
        kinds = {
            "nothing": {},
            "an expired key": {"Authorization": f"Bearer {expired}"},
            "a revoked key": {"Authorization": f"Bearer {revoked}"},
            "the session of a revoked key": {"Cookie": cookie, **NO_PAGE},
            "a key of another kind": {
                "Authorization": f"Bearer {locked.key.replace('live', 'test')}"
            },
            "a key as a password": {
                "Authorization": f"Basic {b64encode(locked.key.encode()).decode()}"
            },
            "a key in a cookie": {"Cookie": f"asyncnotify_session={locked.key}", **NO_PAGE},
        }
        for headers in kinds.values():
            await until_refused(client, headers)
    return kinds


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def keys(locked):
    """A key for each scope."""
    return {scope: await locked.new_key(scope) for scope in SCOPES}


async def test_without_a_key_that_counts_no_call_gets_through(
    locked, useless, publisher, users, dispatcher
):
    async with locked.client("") as client:
        let_in = [
            (kind, method, path)
            for kind, headers in useless.items()
            for method, path, _ in LOCKED
            if await ask(client, method, path, headers) != 401
        ]

    assert let_in == []
    assert (publisher.seen, users.seen, dispatcher.seen) == ([], [], [])


@pytest.mark.parametrize("scope", SCOPES)
async def test_a_key_opens_the_calls_of_its_scope_and_no_other(
    locked, keys, scope, publisher, users, dispatcher
):
    async with locked.client(keys[scope]) as client:
        statuses = {
            (method, path, call["x-scope"]): await ask(client, method, path, {})
            for method, path, call in LOCKED
        }

    assert len(statuses) > 30
    for (method, path, needed), status in statuses.items():
        may = scope in {needed, "admin"}
        assert (status not in {401, 403}) == may, (method, path, status)
        assert status == 403 or may


async def test_what_needs_no_key_is_open_with_and_without_one(locked, useless):
    async with locked.client("") as client:
        for headers in useless.values():
            for method, path, _ in OPEN:
                if path == "/session" and method == "POST":
                    continue  # it is asked with a key in its body
                assert await ask(client, method, path, headers) not in {401, 403}, (method, path)


async def test_the_pages_are_open_so_that_one_can_sign_in(locked):
    async with locked.client("") as client:
        for path in ("/", "/room/index.html", "/docs", "/docs/icon.svg"):
            assert await ask(client, "GET", path, {}) == 200, path


async def test_schemathesis_finds_no_call_that_forgets_to_ask_for_a_key(locked, tmp_path):
    tool = Path(sys.executable).parent / "schemathesis"
    process = await asyncio.create_subprocess_exec(
        *(tool, "run", f"{locked.url}/openapi.json"),
        *("--header", f"Authorization: Bearer {locked.key}"),
        *("--checks", "ignored_auth,not_a_server_error"),
        *("--phases", "examples", "--max-examples", "1", "--workers", "1", "--seed", "1"),
        *("--exclude-path-regex", "events$"),
        cwd=tmp_path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()

    assert process.returncode == 0, said.decode()[-4000:]
