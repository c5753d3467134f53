import re
from urllib.parse import unquote

import pytest
from service_kit.http.paths import path_segment

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOSTILE = [
    "/", "?", "..", ".", "%2f", "%", "#", ";", "a/b", "../users", "a?limit=1", "a#b", "%00", "\x00",
    "a b", "ünïcode", "日本語", "🙂", "x" * 128, "🙂" * 128, "contact-info", "/etc/passwd", "\\",
    "\r\n",
    "a/contact-info", "..%2f..%2fhealth", "%2e%2e",
]  # fmt: skip


@pytest.mark.parametrize("user_id", HOSTILE)
async def test_a_user_id_stays_one_segment_on_the_way(door, service, user_id):
    target = f"/users/{path_segment(user_id)}/contact-info"

    await door.say(
        f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    )

    path = service.seen[-1]["path"]
    assert re.fullmatch(r"/users/[A-Za-z0-9_.~%-]+/contact-info", path)
    assert path.split("/")[2] not in {".", ".."}
    assert unquote(path.split("/")[2]) == user_id


@pytest.mark.parametrize("target", ["/users/../contact-info", "/users/./contact-info"])
async def test_unencoded_dots_are_encoded_on_the_way(door, service, target):
    await door.say(
        f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    )

    assert service.seen[-1]["path"] in {
        "/users/%2E%2E/contact-info",
        "/users/%2E/contact-info",
    }


@pytest.mark.parametrize(
    "target", ["/users/%2e%2e%2fhealth%2flive/contact-info", "//users/x", "/users//contact-info"]
)
async def test_no_spelling_reaches_a_path_that_is_not_public(door, service, target):
    await door.say(
        f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    )

    assert all(re.fullmatch(r"/users/[^/]+/contact-info", seen["path"]) for seen in service.seen)


async def test_a_path_that_is_no_utf8_is_refused_here(door, service):
    raw = b"GET /users/%ff HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"

    answer = await door.say(raw)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"invalid_path"' in answer
    assert service.seen == []
