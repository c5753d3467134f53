import re
from importlib.resources import files
from pathlib import Path

import pytest

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOM = Path(str(files("gateway"))) / "pages" / "room"
NAMES = sorted(
    str(path.relative_to(ROOM)) for path in ROOM.rglob("*.*") if path.suffix in {".js", ".css"}
)


async def test_the_control_room_is_at_the_root(client):
    answer = await client.get("/")

    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert '<script type="module" src="room/start.js">' in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'self'; frame-ancestors 'none'; ")
    assert "unsafe" not in policy


async def test_everything_that_it_loads_is_there_and_its_own(client):
    page = await client.get("/")

    links = re.findall(r'(?:src|href)="([^"#]+)"', page.text)
    assert len(links) > 5
    for link in links:
        answer = await client.get(f"/{link}")
        assert answer.status_code == 200, link
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("name", [name for name in NAMES if name.endswith(".js")])
async def test_every_module_that_is_imported_is_there(client, name):
    module = await client.get(f"/room/{name}")

    assert module.headers["Content-Type"].startswith("text/javascript")
    for imported in re.findall(r'(?:from|import\()\s*"([^"]+)"', module.text):
        path = (ROOM / name).parent / imported
        assert path.is_file(), imported


async def test_a_file_is_sent_again_only_when_it_is_another(client):
    first = await client.get("/room/main.js")
    second = await client.get("/room/main.js", headers={"If-None-Match": first.headers["ETag"]})
    changed = await client.get("/room/main.js", headers={"If-None-Match": '"another"'})

    assert first.headers["Cache-Control"] == "no-cache"
    assert (second.status_code, second.content) == (304, b"")
    assert (changed.status_code, changed.content) == (200, first.content)


@pytest.mark.parametrize("path", ["nothing.js", "..%2f..%2fopenapi.json", "lib", "lib/"])
async def test_nothing_else_is_served(client, path):
    answer = await client.get(f"/room/{path}")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_what_a_person_was_sent_is_shown_where_nothing_runs(client):
    frame = await client.get("/room/message.html")

    policy = frame.headers["Content-Security-Policy"]
    assert "sandbox allow-same-origin" in policy
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'self'" in policy
    assert frame.headers["X-DNS-Prefetch-Control"] == "off"


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/health/live", "/nothing"])
async def test_every_answer_says_how_a_browser_may_use_it(client, path):
    answer = await client.get(path)

    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


async def test_what_is_refused_at_the_door_says_so_too(client):
    answer = await client.get("/", headers={"Host": "evil.example"})

    assert answer.status_code == 421
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
