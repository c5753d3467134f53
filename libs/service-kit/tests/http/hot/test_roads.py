"""The hot road and the general one do the same: these run on both, unless they say otherwise."""

import httpx
import pytest
from testkit.http import live_server

PATH = "/things"
TOKEN = "a-token-of-the-services"


@pytest.fixture(params=["hot", "general"])
def road(request) -> str:
    return request.param


@pytest.fixture
async def ask(app, road):
    """Post a body; `expect` is the road it goes on a server that has hot calls."""
    headers = {"X-Internal-Token": TOKEN}
    async with (
        live_server(app, hot=road == "hot") as url,
        httpx.AsyncClient(base_url=url, headers=headers, timeout=60) as client,
    ):

        async def post(content=b"hello", path=PATH, method="POST", **options):
            return await client.request(method, path, content=content, **options)

        yield post


async def test_a_plain_request_is_answered_alike(ask, things, road, logged):
    answer = await ask(headers={"X-Request-ID": "r-1"})

    assert (answer.status_code, answer.json()) == (202, {"said": "hello"})
    assert answer.headers["X-Request-ID"] == "r-1"
    assert answer.headers["Location"] == "/things/1"
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Date" in answer.headers
    assert things.roads == [road]
    [line] = logged()
    assert line.pop("duration_ms") >= 0
    assert line.pop("timestamp")
    assert line == {
        "level": "info",
        "event": "thing.done",
        "service": "kit",
        "logger": "service_kit.http.requests",
        "request_id": "r-1",
        "method": "POST",
        "path": PATH,
        "status": 202,
        "user": "u-1",
    }


async def test_metrics_count_both_roads_as_one_route(ask, app):
    await ask()
    await ask(b"busy")

    labels = {"service": "kit", "method": "POST", "route": PATH}
    value = app.state.registry.get_sample_value
    assert value("http_requests_total", labels | {"status": "202"}) == 1
    assert value("http_requests_total", labels | {"status": "503"}) == 1
    assert value("http_request_duration_seconds_count", labels) == 2


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"busy", (503, "busy", ("retry-after", "2"), "warning")),
        (b"refuse", (422, "invalid_request", ("x-why", "so"), None)),
        (b"crash", (500, "internal_error", None, "error")),
    ],
)
async def test_errors_are_answered_and_logged_alike(ask, things, road, logged, body, expected):
    status, code, header, level = expected
    answer = await ask(body, headers={"X-Request-ID": "r-1"})

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"] == "r-1"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert header is None or header in answer.headers.items()
    *before, line = logged()
    assert (line["event"], line["status"], line["user"]) == ("request.served", status, "u-1")
    assert [each["level"] for each in before] == ([level] if level else [])
    assert all(each["request_id"] == "r-1" for each in before)
    assert things.done == [body], "what was taken on is never tried again on the other road"
    assert things.roads == [road]


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"headers": {"X-Internal-Token": "wrong"}}, 401),
        ({"headers": {"Host": "evil.example"}}, 421),
        ({"headers": {"Origin": "https://evil.example"}}, 403),
        ({"content": b"x" * 1001}, 413),
        ({"method": "HEAD"}, 405),
        ({"method": "PUT"}, 405),
        ({"headers": [("X-Internal-Token", TOKEN), ("X-Internal-Token", TOKEN)]}, 401),
    ],
)
async def test_what_is_not_admitted_is_refused_alike(ask, things, options, status):
    answer = await ask(**options)

    assert answer.status_code == status
    assert things.done == []


async def _two_pieces():
    yield b"in "
    yield b"pieces"


@pytest.mark.parametrize(
    "options",
    [
        {"content": b"not mine"},
        {"path": f"{PATH}?a=b"},
        {"path": f"{PATH}/"},
        {"content": _two_pieces},
        {"headers": {"Prefer": "wait=1"}},
        {"headers": {"Origin": "http://127.0.0.1", "Sec-Fetch-Site": "same-origin"}},
        {"headers": {"Expect": "100-continue"}},
        {"headers": [("X-Twice", "1"), ("X-Twice", "2")]},
    ],
)
async def test_whatever_is_unusual_goes_the_general_road(ask, things, options):
    content = options.get("content", b"hello")
    answer = await ask(**options | {"content": content() if callable(content) else content})

    assert things.roads == (["general"] if "?" not in options.get("path", "") else [])
    assert answer.status_code == (202 if things.roads else 422)


async def test_the_document_shows_the_call(ask):
    document = (await ask(b"", "/openapi.json", "GET")).json()

    assert document["paths"][PATH]["post"]["summary"] == "Do a thing"
