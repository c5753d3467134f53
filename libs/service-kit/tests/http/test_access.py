"""Which names a service goes by, and whose pages may change something."""

import pytest
from fastapi import APIRouter, FastAPI, Response
from service_kit.http.access import CROSS_SITE, UNKNOWN_HOST, Access
from service_kit.http.admission import Admission
from service_kit.http.app import build_app
from testkit.http import asgi_client

LOCAL = Access(service="kit", listens_on="127.0.0.1")
EVERYWHERE = Access(service="kit", listens_on="0.0.0.0")


def problem_of(access, method="GET", *, host=b"localhost:8000", origin=None, site=None):
    refused = access.refusal(method, host, origin, site)
    return refused and refused[0]


@pytest.mark.parametrize(
    "host",
    [
        b"localhost",
        b"LOCALHOST:8000",
        b"localhost.:8000",
        b"shop.localhost:8000",
        b"127.0.0.1:8000",
        b"127.8.8.8",
        b"[::1]:8000",
        b"kit:8001",
        None,
    ],
)
def test_loopback_names_and_its_own_are_known(host):
    assert problem_of(LOCAL, host=host) is None


@pytest.mark.parametrize(
    "host",
    [
        b"evil.example",
        b"localhost.evil.example:8000",
        b"localhost@evil.example",
        b"evillocalhost",
        b"192.168.1.5:8000",
        b"8.8.8.8",
        b"[2001:db8::1]:8000",
        b"",
        b"[",
        b"\xff",
    ],
)
def test_any_other_name_is_refused(host):
    assert problem_of(LOCAL, host=host) is UNKNOWN_HOST


@pytest.mark.parametrize("host", [b"192.168.1.5:8000", b"[2001:db8::1]:8000", b"localhost"])
def test_who_listens_on_all_addresses_goes_by_any_address(host):
    assert problem_of(EVERYWHERE, host=host) is None
    assert problem_of(EVERYWHERE, host=b"evil.example") is UNKNOWN_HOST


@pytest.mark.parametrize(
    ("hosts", "host", "is_known"),
    [
        (["door.example.com"], b"door.example.com", True),
        (["Door.Example.com"], b"DOOR.example.com:80", True),
        (["door.example.com"], b"a.door.example.com", False),
        ([".example.com"], b"a.b.example.com", True),
        ([".example.com"], b"example.com.evil.example", False),
        (["*"], b"evil.example", True),
    ],
)
def test_further_names_can_be_allowed(hosts, host, is_known):
    access = Access(service="kit", listens_on="127.0.0.1", hosts=hosts)

    assert (problem_of(access, host=host) is None) is is_known


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize(
    ("origin", "site"),
    [
        (b"https://evil.example", b"cross-site"),
        (b"https://evil.example", None),
        (b"http://localhost:3000", b"same-site"),
        (b"http://localhost:3000", None),
        (b"http://localhost", None),
        (b"null", b"cross-site"),
        (b"null", None),
        (b"http://[", None),
        (None, b"cross-site"),
    ],
)
def test_a_page_from_elsewhere_may_change_nothing(method, origin, site):
    assert problem_of(LOCAL, method, origin=origin, site=site) is CROSS_SITE


@pytest.mark.parametrize(
    ("origin", "site"),
    [
        (None, None),
        (b"http://localhost:8000", b"same-origin"),
        (b"http://localhost:8000", None),
        (b"https://localhost:8000", None),
        (None, b"none"),
        (b"https://door.example.com", b"same-origin"),
    ],
    ids=["curl", "own page", "own page, old browser", "TLS ends before", "typed", "Host rewritten"],
)
def test_its_own_pages_and_who_is_no_browser_may(origin, site):
    assert problem_of(LOCAL, "POST", origin=origin, site=site) is None


def test_pages_of_allowed_origins_may():
    access = Access(service="kit", listens_on="127.0.0.1", origins=["https://shop.example"])

    assert problem_of(access, "POST", origin=b"https://shop.example", site=b"cross-site") is None
    assert problem_of(access, "POST", origin=b"https://shop.example.evil") is CROSS_SITE


def test_any_page_may_read_under_the_services_own_name():
    # What it gets, the browser does not show it.
    assert problem_of(LOCAL, origin=b"https://evil.example", site=b"cross-site") is None


@pytest.fixture
def app() -> FastAPI:
    router = APIRouter()

    @router.post("/things")
    async def make() -> Response:
        return Response("made")

    access = Access(service="kit", listens_on="127.0.0.1", origins=["https://shop.example"])
    return build_app(
        service="kit",
        title="Kit",
        routers=[router],
        problems={},
        checks={},
        admission=Admission(access=access),
    )


@pytest.mark.parametrize(
    ("headers", "status", "code", "setting"),
    [
        ({"Host": "evil.example"}, 421, "unknown_host", "ALLOWED_HOSTS"),
        ({"Origin": "https://evil.example"}, 403, "cross_site_request", "ALLOWED_ORIGINS"),
    ],
)
async def test_a_refusal_says_which_setting_would_allow_it(app, headers, status, code, setting):
    async with asgi_client(app) as client:
        answer = await client.post("/things", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert setting in answer.json()["detail"]
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_two_different_hosts_are_refused(app):
    async with asgi_client(app) as client:
        hosts = [("Host", "localhost"), ("Host", "evil.example")]
        answer = await client.get("/health/live", headers=hosts)

    assert answer.status_code == 421


async def test_a_page_of_an_allowed_origin_may_ask_first_and_read_the_answer(app):
    page = {"Origin": "https://shop.example", "Sec-Fetch-Site": "cross-site"}
    asking = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "a"}
    async with asgi_client(app) as client:
        asked = await client.options("/things", headers=page | asking)
        done = await client.post("/things", headers=page)
        other = await client.get("/health/live", headers={"Origin": "https://evil.example"})

    assert (asked.status_code, done.text) == (200, "made")
    allowed = {each.headers.get("Access-Control-Allow-Origin") for each in (asked, done)}
    assert allowed == {"https://shop.example"}
    assert "Access-Control-Allow-Origin" not in other.headers
