import pytest
from fastapi import APIRouter, FastAPI, Response
from hypothesis import given
from hypothesis import strategies as st
from service_kit.http.app import build_app
from service_kit.http.client import UpstreamClient
from service_kit.http.paths import decode_segment, path_segment
from testkit.http import asgi_client, live_server


@pytest.fixture
def app() -> FastAPI:
    router = APIRouter()

    @router.get("/users/{user_id}/contact-info")
    async def contact(user_id: str) -> Response:
        return Response(f"contact of {decode_segment(user_id)}")

    @router.get("/users/{user_id}")
    async def user(user_id: str) -> Response:
        return Response(f"user {decode_segment(user_id)}")

    @router.get("/users")
    async def users() -> Response:
        return Response("all users")

    return build_app(service="kit", title="Kit", routers=[router], problems={}, checks={})


@pytest.mark.parametrize(
    ("value", "segment"),
    [
        ("user_test", "user_test"),
        ("a/b", "a%2Fb"),
        ("a?b#c", "a%3Fb%23c"),
        ("50%", "50%25"),
        ("a%2fb", "a%252fb"),
        (".", "%2E"),
        ("..", "%2E%2E"),
        ("...", "..."),
        ("ü ", "%C3%BC%20"),
        ("a\x00\r\n", "a%00%0D%0A"),
    ],
)
def test_a_segment_is_encoded_whole(value, segment):
    assert path_segment(value) == segment


@pytest.mark.parametrize("value", ["", "\ud800"])
def test_what_can_not_be_a_segment_is_refused(value):
    with pytest.raises(ValueError, match=r"empty|surrogates"):
        path_segment(value)


async def test_any_id_arrives_as_it_is_and_reaches_its_own_route(app):
    ids = ["a/b", "../users", "..", ".", "a%2Fb", "a%2fb", "a?x=1#y", "ü", "a\x00b", "a\nb"]
    async with live_server(app) as url:
        client = UpstreamClient(url)
        contacts = [
            await client.request("GET", f"/users/{path_segment(user_id)}/contact-info")
            for user_id in ids
        ]
        users = [await client.request("GET", f"/users/{path_segment(user_id)}") for user_id in ids]
        await client.stop()

    assert [answer.body.decode() for answer in contacts] == [f"contact of {it}" for it in ids]
    assert [answer.body.decode() for answer in users] == [f"user {it}" for it in ids]


async def test_an_encoded_slash_does_not_reach_a_deeper_route(app):
    async with asgi_client(app) as client:
        assert (await client.get("/users/a%2Fcontact-info")).text == "user a/contact-info"


async def test_a_path_that_is_not_utf_8_is_refused(app):
    async with asgi_client(app) as client:
        answer = await client.get("/users/%ff")

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_path")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_a_broken_escape_is_taken_literally(app):
    async with live_server(app) as url:
        client = UpstreamClient(url)
        answers = [await client.request("GET", f"/users/{it}") for it in ("%", "%zz", "%2")]
        await client.stop()

    assert [answer.body for answer in answers] == [b"user %", b"user %zz", b"user %2"]


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1))
def test_encoding_and_decoding_give_the_value_back(value):
    segment = path_segment(value)

    assert not set(segment) & set("/?# \r\n")
    assert segment not in {".", ".."}


@given(st.text())
def test_a_parameter_decodes_to_what_the_middleware_kept_inside(value):
    kept = value.replace("%", "%25").replace("/", "%2F")

    assert decode_segment(kept) == value


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("/users/", "all users"),
        ("/users/ada/", "user ada"),
        ("/users/a%2F/", "user a/"),
        ("/users/a%2F", "user a/"),
        ("/users/ada/contact-info/", "contact of ada"),
    ],
)
async def test_a_slash_at_the_end_is_no_other_path(app, path, answer):
    async with asgi_client(app) as client:
        assert (await client.get(path)).text == answer


async def test_two_slashes_at_the_end_are(app):
    async with asgi_client(app) as client:
        assert (await client.get("/users//")).status_code == 404
