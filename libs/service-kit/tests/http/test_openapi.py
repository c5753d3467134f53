"""How a service describes its calls."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel
from service_kit.http.app import build_app
from service_kit.http.bodies import read_body
from service_kit.http.openapi_parts import (
    FieldErrorView,
    ProblemView,
    answer,
    events,
    in_days,
    json_body,
    refusals,
)
from service_kit.http.problems import Problem
from testkit.http import asgi_client

GONE = Problem(410, "thing_gone", "The thing is gone", timedelta(seconds=3))
STALE = Problem(410, "thing_stale", "The thing is old", detail="Make a new one.")


class Colour(StrEnum):
    RED = "red"


class PartView(BaseModel):
    colour: Colour


class ThingView(BaseModel):
    """A thing."""

    parts: list[PartView]
    name: str | None = None


class OtherThingView(BaseModel):
    colour: Colour


async def nothing() -> Response:
    """Answers nothing."""
    return Response()


def document_of(*routers: APIRouter) -> dict[str, Any]:
    return build_app(
        service="kit", title="Kit", routers=routers, problems={}, checks={}, docs=True
    ).openapi()


@pytest.fixture
def router() -> APIRouter:
    router = APIRouter(default_response_class=Response)

    @router.post(
        "/things/{thing_id}",
        responses=answer(201, "Made.", ThingView, headers={"Location": "Where it is."})
        | refusals(GONE, STALE),
        openapi_extra=json_body(ThingView, {"soon": {"parts": [], "at": in_days(2)}}),
    )
    async def put_thing(
        thing_id: str,
        request: Request,
        colour: Annotated[Colour | None, Query(description="Its colour.")] = None,
    ) -> Response:
        """Makes a thing."""
        return Response(await read_body(request))

    return router


@pytest.fixture
def call(router) -> dict[str, Any]:
    """What the document says of `put_thing`."""
    return document_of(router)["paths"]["/things/{thing_id}"]["post"]


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (ProblemView, "type title status code detail trace_id request_id errors"),
        (FieldErrorView, "pointer code message"),
    ],
)
def test_a_body_has_the_fields_of_the_public_contract(model, fields):
    assert list(model.model_json_schema()["properties"]) == fields.split()


def test_a_call_is_named_after_its_handler(call):
    assert (call["operationId"], call["description"]) == ("put_thing", "Makes a thing.")


def test_models_are_schemas_of_the_document_without_the_ending_that_clients_do_not_see(router):
    schemas = document_of(router)["components"]["schemas"]

    assert {"Thing", "Part", "Colour", "Problem", "FieldError"} <= set(schemas)
    assert schemas["Thing"]["title"] == "Thing"
    assert schemas["Thing"]["properties"]["parts"]["items"] == {"$ref": "#/components/schemas/Part"}
    assert "title" not in schemas["Thing"]["properties"]["name"]
    assert "HTTPValidationError" not in schemas


def test_bodies_and_answers_refer_to_schemas(call):
    thing = {"$ref": "#/components/schemas/Thing"}

    assert call["requestBody"]["content"]["application/json"]["schema"] == thing
    assert call["responses"]["201"]["content"]["application/json"]["schema"] == thing
    assert set(call["responses"]["201"]["headers"]) == {"Location", "X-Request-ID"}


def test_refusals_of_one_status_are_described_together(call):
    refusal = call["responses"]["410"]

    assert refusal["description"] == (
        "`thing_gone`: The thing is gone. `thing_stale`: The thing is old. Make a new one."
    )
    examples = refusal["content"]["application/problem+json"]["examples"]
    assert {code: each["value"]["code"] for code, each in examples.items()} == {
        "thing_gone": "thing_gone",
        "thing_stale": "thing_stale",
    }
    assert "Retry-After" in refusal["headers"]


def test_what_the_kit_refuses_of_every_call_is_said_without_being_declared(call):
    codes = {
        status: set(response["content"]["application/problem+json"]["examples"])
        for status, response in call["responses"].items()
        if status >= "400"
    }

    assert codes == {
        "400": {"invalid_json", "invalid_path"},
        "410": {"thing_gone", "thing_stale"},
        "413": {"body_too_large"},
        "422": {"invalid_request"},
    }


async def test_what_is_said_of_every_call_is_true(router):
    async with asgi_client(build_app(
        service="kit", title="Kit", routers=[router], problems={}, checks={}
    )) as client:  # fmt: skip
        unknown = await client.post("/things/a?nonsense=1")
        no_utf8 = await client.post("/things/%ff")

    assert (unknown.status_code, unknown.json()["code"]) == (422, "invalid_request")
    assert (no_utf8.status_code, no_utf8.json()["code"]) == (400, "invalid_path")


def test_a_parameter_that_is_not_given_is_not_null(call):
    colour = next(each for each in call["parameters"] if each["name"] == "colour")

    assert colour["schema"] == {"$ref": "#/components/schemas/Colour"}
    assert colour["description"] == "Its colour."


def test_times_in_examples_are_counted_from_now(call):
    example = call["requestBody"]["content"]["application/json"]["examples"]["soon"]["value"]

    ahead = datetime.fromisoformat(example["at"]) - datetime.now(UTC)
    assert timedelta(days=1) < ahead <= timedelta(days=2)


def test_a_stream_says_what_its_events_carry():
    router = APIRouter(default_response_class=Response)
    router.add_api_route("/stream", nothing, responses=events("Things.", ThingView, "data: {}"))

    content = document_of(router)["paths"]["/stream"]["get"]["responses"]["200"]["content"]

    assert content["text/event-stream"]["example"] == "data: {}"
    assert content["text/event-stream"]["x-event-data"] == {"$ref": "#/components/schemas/Thing"}


def test_two_models_of_one_name_are_refused():
    other = type("ThingView", (OtherThingView,), {})
    router = APIRouter(default_response_class=Response)
    for path, model in (("/one", ThingView), ("/other", other)):
        router.add_api_route(path, nothing, name=path, responses=answer(200, "It.", model))

    with pytest.raises(ValueError, match="the name Thing"):
        document_of(router)
