import json
from datetime import datetime

import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator
from pydantic_core import PydanticCustomError
from service_kit.http.app import build_app
from service_kit.http.bodies import parse_json_body, read_body
from service_kit.http.problems import INVALID_JSON, INVALID_REQUEST, ProblemError
from testkit.http import asgi_client


class Part(BaseModel):
    size: int


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid")

    user_id: str = Field(min_length=1, max_length=8)
    count: int = Field(default=1, ge=1)
    at: datetime | None = None
    parts: list[Part] = []
    mood: str = "calm"

    @field_validator("mood")
    @classmethod
    def _calm(cls, mood: str) -> str:
        if mood == "angry":
            raise ValueError("must be calm")
        if mood == "sad":
            raise PydanticCustomError("too_sad", "Cheer up")
        return mood


def refusal_of(body: bytes) -> ProblemError:
    with pytest.raises(ProblemError) as caught:
        parse_json_body(Order, body)
    return caught.value


def codes_of(document: object) -> dict[str, str]:
    error = refusal_of(json.dumps(document).encode())
    assert error.problem is INVALID_REQUEST
    return {each["pointer"]: each["code"] for each in error.errors}


def test_a_good_body_becomes_the_model():
    assert parse_json_body(Order, b'{"user_id": "u"}') == Order(user_id="u")


def test_an_adapter_serves_for_what_is_no_model():
    assert parse_json_body(TypeAdapter(list[int]), b"[1, 2]") == [1, 2]


def test_an_adapter_refuses_like_a_model():
    with pytest.raises(ProblemError) as caught:
        parse_json_body(TypeAdapter(list[int]), b'[1, "x"]')

    assert [each["pointer"] for each in caught.value.errors] == ["/1"]


@pytest.mark.parametrize("body", [b"", b"  \r\n"])
def test_an_empty_body_is_said_to_be_empty(body):
    error = refusal_of(body)

    assert error.problem is INVALID_JSON
    assert error.detail == "The body is empty; a JSON document is expected."


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"user_id=u&count=1",
        b'{"user_id": "u",}',
        b'{"user_id": "u"} {"user_id": "u"}',
        b'{"user_id": "\xff"}',
        b'{"user_id": "a\x00b"}',
        b'{"user_id": "\\ud800"}',
        b'{"\\udc00": 1}',
        b'{"user_id": "u", "count": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"user_id": ' + b"[" * 3000 + b"]" * 3000 + b"}",
        b"\xef\xbb\xbf{}",
        '{"user_id": "u"}'.encode("utf-16"),
    ],
    ids=lambda body: repr(body[:24]),
)
def test_broken_json_is_told_from_invalid_fields(body):
    error = refusal_of(body)

    assert error.problem is INVALID_JSON
    assert "line 1 column" in error.detail


@pytest.mark.parametrize("document", [[], "text", 7, None, True, [{"user_id": "u"}]])
def test_a_document_that_is_no_object_is_wrong_as_a_whole(document):
    assert codes_of(document) == {"": "wrong_type"}


def test_all_bad_fields_are_named_at_once_with_stable_codes():
    document = {
        "user_id": "",
        "count": 0,
        "at": "yesterday",
        "parts": [{"size": 1}, {"size": "big"}, {}],
        "mood": "angry",
        "colour": "red",
    }

    assert codes_of(document) == {
        "/user_id": "too_short",
        "/count": "out_of_range",
        "/at": "invalid_value",
        "/parts/1/size": "wrong_type",
        "/parts/2/size": "missing",
        "/mood": "invalid_value",
        "/colour": "unknown_field",
    }


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({}, "missing"),
        ({"user_id": "much too long"}, "too_long"),
        ({"user_id": None}, "wrong_type"),
        ({"user_id": 7}, "wrong_type"),
        ({"user_id": ["u"]}, "wrong_type"),
    ],
)
def test_each_kind_of_mistake_has_its_code(document, code):
    assert codes_of(document) == {"/user_id": code}


def test_a_code_of_the_models_own_is_kept():
    assert codes_of({"user_id": "u", "mood": "sad"}) == {"/mood": "too_sad"}


def test_messages_are_words_without_the_input():
    error = refusal_of(b'{"user_id": "hush hush hush", "mood": "angry", "count": "hush"}')

    messages = [each["message"] for each in error.errors]
    assert "must be calm" in messages
    assert "hush" not in " ".join(messages)


def test_pointers_are_escaped():
    assert codes_of({"user_id": "u", "a/b~c": 1}) == {"/a~1b~0c": "unknown_field"}


def test_a_flood_of_mistakes_is_answered_with_a_hundred():
    document = {"user_id": "u", **{f"{number}{'x' * 500}": 1 for number in range(300)}}

    pointers = list(codes_of(document))

    assert len(pointers) == 100
    assert max(map(len, pointers)) <= 256


@pytest.fixture
def app() -> FastAPI:
    router = APIRouter()

    @router.post("/orders")
    async def post(request: Request) -> Response:
        order = parse_json_body(Order, await read_body(request))
        return Response(order.model_dump_json())

    @router.post("/framework")
    async def framework(order: Order) -> Response:
        return Response(order.model_dump_json())

    return build_app(service="kit", title="Kit", routers=[router], problems={}, checks={})


@pytest.mark.parametrize(
    "content_type", [None, "application/x-www-form-urlencoded", "text/plain", "no/such;thing"]
)
async def test_a_body_is_json_whatever_its_content_type_says(app, content_type):
    headers = {"Content-Type": content_type} if content_type else {}
    async with asgi_client(app) as client:
        answer = await client.post("/orders", content=b'{"user_id": "u"}', headers=headers)

    assert answer.json()["user_id"] == "u"


async def test_a_body_in_many_chunks_is_put_together(app):
    async def chunks():
        for byte in b'{"user_id": "u"}':
            yield bytes([byte])

    async with asgi_client(app) as client:
        assert (await client.post("/orders", content=chunks())).json()["user_id"] == "u"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "invalid_json"),
        (b'{"user_id": ""}', 422, "invalid_request"),
        (b"[]", 422, "invalid_request"),
        (b"\xff", 400, "bad_request"),
        (b"[" * 100_000, 400, "bad_request"),
    ],
    ids=lambda value: repr(value)[:24],
)
async def test_bodies_that_the_framework_parses_are_refused_alike(app, body, status, code):
    async with asgi_client(app) as client:
        answer = await client.post(
            "/framework", content=body, headers={"Content-Type": "application/json"}
        )

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_fields_that_the_framework_refuses_have_the_same_pointers(app):
    async with asgi_client(app) as client:
        answer = await client.post("/framework", json={"user_id": "", "colour": 1})

    assert {each["pointer"] for each in answer.json()["errors"]} == {"/user_id", "/colour"}
