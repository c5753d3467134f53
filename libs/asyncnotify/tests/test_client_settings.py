"""Where the client finds its gateway and its key."""

import httpx
import pytest
from asyncnotify import AsyncNotify, BadSetup

ACCEPTED = {"trace_id": "t", "status": "queued", "status_url": "/"}


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in ("ASYNCNOTIFY_URL", "ASYNCNOTIFY_KEY", "ASYNCNOTIFY_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


async def call(base_url=None, **options):
    """Return the request that a call makes."""
    seen = []

    def door(request):
        seen.append(request)
        return httpx.Response(202, json=ACCEPTED)

    async with AsyncNotify(base_url, transport=httpx.MockTransport(door), **options) as notify:
        await notify.send("ada", "hi")
    return seen[0]


async def test_without_a_word_it_is_this_machine_and_no_key():
    request = await call()

    assert str(request.url) == "http://localhost:8000/notifications"
    assert "Authorization" not in request.headers


async def test_url_and_key_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("ASYNCNOTIFY_URL", "http://door:1")
    monkeypatch.setenv("ASYNCNOTIFY_KEY", "an_live_a_b")

    request = await call()

    assert request.url.host == "door"
    assert request.headers["Authorization"] == "Bearer an_live_a_b"


async def test_a_key_may_stand_in_a_file(monkeypatch, tmp_path):
    (tmp_path / "key").write_text("an_live_a_b\n")
    monkeypatch.setenv("ASYNCNOTIFY_KEY_FILE", str(tmp_path / "key"))

    assert (await call()).headers["Authorization"] == "Bearer an_live_a_b"


async def test_what_is_given_counts_more(monkeypatch):
    monkeypatch.setenv("ASYNCNOTIFY_URL", "http://door:1")
    monkeypatch.setenv("ASYNCNOTIFY_KEY", "an_live_a_b")

    request = await call("http://other", key="an_live_c_d")

    assert request.url.host == "other"
    assert request.headers["Authorization"] == "Bearer an_live_c_d"


@pytest.mark.parametrize("content", ["", None])
def test_a_file_without_a_key_is_said_at_once(monkeypatch, tmp_path, content):
    if content is not None:
        (tmp_path / "key").write_text(content)
    monkeypatch.setenv("ASYNCNOTIFY_KEY_FILE", str(tmp_path / "key"))

    with pytest.raises(BadSetup, match="ASYNCNOTIFY_KEY_FILE"):
        AsyncNotify()


def test_two_keys_are_one_too_many(monkeypatch, tmp_path):
    monkeypatch.setenv("ASYNCNOTIFY_KEY", "an_live_a_b")
    monkeypatch.setenv("ASYNCNOTIFY_KEY_FILE", str(tmp_path / "key"))

    with pytest.raises(BadSetup, match="both set"):
        AsyncNotify()


@pytest.mark.parametrize("key", ["an_live_a_b\r\nX-Evil: 1", "an live", "schlüssel"])
def test_a_key_that_can_be_none_is_refused_without_being_said(key):
    with pytest.raises(BadSetup, match="API key") as bad:
        AsyncNotify("http://door", key=key)

    assert key not in str(bad.value)
    assert key not in repr(bad.value)
