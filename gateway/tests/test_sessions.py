"""A page signs in with a key, and then has a cookie that is of no use to anyone else."""

import httpx
import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_session_stands_for_its_key(locked, users):
    async with locked.client("", follow_redirects=False) as page:
        before = (await page.get("/session")).json()
        signed_in = await page.post("/session", json={"key": locked.key})
        now = (await page.get("/session")).json()
        listed = await page.get("/users")
        signed_out = await page.delete("/session", headers={"Sec-Fetch-Site": "same-origin"})
        after = (await page.get("/session")).json()

    assert before == {"auth": "keys", "is_signed_in": False, "key": None, "expires_at": None}
    assert signed_in.json() == now
    assert now["key"]["scopes"] == ["admin"]
    assert (listed.status_code, signed_out.status_code) == (200, 204)
    assert after == before


@pytest.mark.parametrize(
    ("headers", "is_secure"),
    [
        ({}, False),
        ({"Origin": "http://127.0.0.1:{port}"}, False),
        ({"Origin": "https://127.0.0.1:{port}"}, True),
        ({"X-Forwarded-Proto": "https"}, True),
    ],
)
async def test_no_script_reads_the_cookie_and_no_other_site_sends_it(locked, headers, is_secure):
    async with locked.client("") as page:
        port = httpx.URL(locked.url).port
        said = {name: value.format(port=port) for name, value in headers.items()}
        signed_in = await page.post("/session", json={"key": locked.key}, headers=said)

    cookie = signed_in.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert ("Secure" in cookie) == is_secure
    assert signed_in.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Origin": "{own}"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_a_cookie_changes_something_only_for_a_page_of_ours(locked, users, headers, status):
    async with locked.client("") as page:
        await page.post("/session", json={"key": locked.key})
        said = {name: value.format(own=locked.url) for name, value in headers.items()}
        answer = await page.put("/users/ada", json={}, headers=said)

    assert answer.status_code == status
    assert len(users.seen) == (status == 200)


async def test_a_wrong_key_opens_no_session_and_stands_in_no_answer(locked):
    wrong = f"an_live_0000000000_{'ab' * 32}"
    async with locked.client("") as page:
        refused = await page.post("/session", json={"key": wrong})
        nonsense = await page.post("/session", json={"key": [wrong]})

    assert refused.status_code == 401
    assert "set-cookie" not in refused.headers
    assert wrong not in refused.text + nonsense.text
