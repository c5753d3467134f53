"""Parts with which a service describes its calls in OpenAPI, where it answers them.

FastAPI reads the parameters off a handler. What a handler reads, answers and refuses on its own is
said with these; what every call has in common is added by `service_kit.http.openapi_document`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import (
    GenerateJsonSchema,
    JsonSchemaMode,
    JsonSchemaValue,
    models_json_schema,
)
from pydantic_core.core_schema import WithDefaultSchema

from service_kit.http.fields import FieldError
from service_kit.http.problems import INVALID_REQUEST, MEDIA_TYPE, Problem, problem_document

JsonObject = dict[str, Any]
Responses = dict[int | str, JsonObject]
"""What a route's `responses` takes: OpenAPI response objects by status."""

JSON: Final = "application/json"
EVENT_STREAM: Final = "text/event-stream"
REQUEST_ID_HEADER: Final = ("X-Request-ID", "The request's id, in every log line.")
INTERNAL: Final[JsonObject] = {"x-internal": True}
"""For a route's `openapi_extra`: a call that other services make, and clients do not."""

AS_IT_IS: Final[JsonObject] = {"x-as-it-is": True}
"""For a route's `openapi_extra`: a call whose headers and body a relay passes on as they are, since
they are signed, and the body need not be JSON."""

REMOVES: Final[JsonObject] = {"x-removes": True}
"""For a route's `openapi_extra`: a call that removes what its path names, so that it is not found
when the call is repeated. A relay that lost the first answer takes a 404 to the second for success.
"""

COUNTED_BY: Final = "x-counts"
"""For a route's `openapi_extra`: the field of the answer that says how many things were changed,
`{COUNTED_BY: "replayed"}`; unless the answer says `dry_run`, when it is none."""

_MODEL: Final = "x-model"
_MODEL_SUFFIX: Final = "View"
_EXAMPLE_REQUEST_ID: Final = "5d2f0c1ea9d94f0c8f4e2b7d9a3c6e10"
_BAD_FIELD: Final = FieldError(pointer="/user_id", code="missing", message="Field required")
_IN_DAYS: Final = re.compile(r"<in (\d+) days>")


class FieldErrorView(BaseModel):
    """One bad field: where it is (RFC 6901), a stable code, and words for people."""

    pointer: str
    code: str
    message: str


class ProblemView(BaseModel):
    """An error. `code` is for programs, `detail` and the messages in `errors` are for people."""

    type: str
    title: str
    status: int
    code: str
    detail: str | None = None
    trace_id: str | None = None
    request_id: str | None = None
    errors: list[FieldErrorView] | None = None


def json_body(
    model: type[BaseModel], examples: Mapping[str, JsonObject], *, required: bool = True
) -> JsonObject:
    """Describe, as a route's `openapi_extra`, the body that its handler reads itself."""
    content = {
        "schema": schema_of(model, "validation"),
        "examples": {name: {"value": value} for name, value in examples.items()},
    }
    return {"requestBody": {"required": required, "content": {JSON: content}}}


def answer(
    status: int,
    description: str,
    model: type[BaseModel] | None = None,
    *,
    example: JsonObject | None = None,
    headers: Mapping[str, str] | None = None,
    leads_to: Sequence[str] = (),
) -> Responses:
    """Describe an answer; without a model it has no body.

    `headers` says what each means. `leads_to` names calls that take the `trace_id` in the body.
    """
    response: JsonObject = {"description": description}
    if headers:
        response["headers"] = {name: _header(text) for name, text in headers.items()}
    if model is not None:
        content = {"schema": schema_of(model, "serialization")}
        response["content"] = {JSON: content if example is None else content | {"example": example}}
    if leads_to:
        parameters = {"trace_id": "$response.body#/trace_id"}
        response["links"] = {
            name: {"operationId": name, "parameters": parameters} for name in leads_to
        }
    return {status: response}


def events(description: str, model: type[BaseModel], example: str) -> Responses:
    """Describe a stream of Server-Sent Events, whose data are `model`s in JSON."""
    content = {
        "schema": {"type": "string"},
        "example": example,
        "x-event-data": schema_of(model, "serialization"),
    }
    return {200: {"description": description, "content": {EVENT_STREAM: content}}}


def refusals(*problems: Problem) -> Responses:
    """Describe the problems that a call may be answered with."""
    responses: Responses = {}
    add_refusals(responses, *problems)
    return responses


def add_refusals(responses: Responses, *problems: Problem) -> None:
    """Add problems to the described answers of a call; those of one status are told together."""
    for problem in problems:
        response = responses.setdefault(str(problem.status), {})
        said = f"`{problem.code}`: {problem.title}. {problem.detail or ''}".rstrip()
        response["description"] = f"{response.get('description', '')} {said}".lstrip()
        content = response.setdefault("content", {}).setdefault(
            MEDIA_TYPE, {"schema": schema_of(ProblemView, "serialization"), "examples": {}}
        )
        content["examples"][problem.code] = {"value": _example_of(problem)}
        if problem.retry_after is not None:
            response["headers"] = {"Retry-After": _header("Seconds to wait before the next try.")}


def add_header(responses: Responses, name: str, meaning: str) -> None:
    """Say of all these answers that they have a header."""
    for response in responses.values():
        response.setdefault("headers", {})[name] = _header(meaning)


def schema_of(model: type[BaseModel], mode: JsonSchemaMode) -> JsonObject:
    """Name a model; see `with_schemas`. The model `ThingView` is `Thing` to clients."""
    return {_MODEL: (model, mode)}


def with_schemas(described: Any) -> Any:  # noqa: ANN401 - any part of a document
    """Return a description that refers to the models which it names.

    References bring along the schemas that the document will have to hold for them. Most processes
    are never asked for a document: measured, all schemas are more than half of the CPU that an
    application costs to build.
    """
    if isinstance(described, list):
        return [with_schemas(part) for part in described]
    if not isinstance(described, dict):
        return described
    if _MODEL in described:
        return _reference(*described[_MODEL])
    return {name: with_schemas(part) for name, part in described.items()}


def _reference(model: type[BaseModel], mode: JsonSchemaMode) -> JsonObject:
    references, definitions = models_json_schema(
        [(model, mode)],
        ref_template="#/components/schemas/{model}",
        schema_generator=_ClientSchema,
    )
    return references[model, mode] | definitions


def in_days(days: int) -> str:
    """Give an example of a time; `with_times` says which time that is when it is shown."""
    return f"<in {days} days>"


def with_times(document: str, now: datetime) -> str:
    """Return the text of a document with the times that `in_days` stands for."""

    def time_in(match: re.Match[str]) -> str:
        return (now + timedelta(days=int(match[1]))).isoformat(timespec="seconds")

    return _IN_DAYS.sub(time_in, document)


class _ClientSchema(GenerateJsonSchema):
    """Schemas under the names that clients know, without a title for each field."""

    def normalize_name(self, name: str) -> str:
        return super().normalize_name(name).removesuffix(_MODEL_SUFFIX)

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        # FastAPI drops nulls from what it is given, so that here there must not be any.
        described = super().default_schema(schema)
        return {name: part for name, part in described.items() if part is not None}

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ANN401 - pydantic's signature
        return False


def _header(meaning: str) -> JsonObject:
    return {"description": meaning, "schema": {"type": "string"}}


def _example_of(problem: Problem) -> JsonObject:
    errors = [_BAD_FIELD] if problem is INVALID_REQUEST else []
    document: JsonObject = json.loads(
        problem_document(problem, request_id=_EXAMPLE_REQUEST_ID, errors=errors)
    )
    return document
