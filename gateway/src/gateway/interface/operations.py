"""The words in which a public call is written down once, for the router and for the document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Literal

JsonObject = dict[str, Any]

JSON: Final = "application/json"
PROBLEM_JSON: Final = "application/problem+json"
EVENT_STREAM: Final = "text/event-stream"


def reference(schema: str) -> JsonObject:
    """Point to a schema of the document by its name."""
    return {"$ref": f"#/components/schemas/{schema}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A part of a path, a query parameter, or a header."""

    name: str
    place: Literal["path", "query", "header"]
    description: str
    schema: JsonObject
    example: str | None = None

    def document(self) -> JsonObject:
        """Return the OpenAPI parameter object."""
        document: JsonObject = {
            "name": self.name,
            "in": self.place,
            "required": self.place == "path",
            "description": self.description,
            "schema": self.schema,
        }
        return document if self.example is None else {**document, "example": self.example}


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A request's body: the name of its schema, and examples by name."""

    schema: str
    examples: Mapping[str, JsonObject]
    is_required: bool = True

    def document(self) -> JsonObject:
        """Return the OpenAPI request body object."""
        examples = {name: {"value": value} for name, value in self.examples.items()}
        content = {"schema": reference(self.schema), "examples": examples}
        return {"required": self.is_required, "content": {JSON: content}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One answer of a call. Without a schema it has no body.

    `leads_to` names calls that take the `trace_id` in its body.
    """

    status: int
    description: str
    schema: JsonObject | None = None
    media_type: str = JSON
    example: JsonObject | str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    leads_to: Sequence[str] = ()

    def document(self) -> JsonObject:
        """Return the OpenAPI response object."""
        headers = {"X-Request-ID": "The request's id, in every log line.", **self.headers}
        document: JsonObject = {
            "description": self.description,
            "headers": {
                name: {"description": text, "schema": {"type": "string"}}
                for name, text in headers.items()
            },
        }
        if self.schema is not None:
            example = {} if self.example is None else {"example": self.example}
            document["content"] = {self.media_type: {"schema": self.schema, **example}}
        if self.leads_to:
            parameters = {"trace_id": "$response.body#/trace_id"}
            document["links"] = {
                name: {"operationId": name, "parameters": parameters} for name in self.leads_to
            }
        return document


_BAD_FIELD: Final = {"pointer": "/user_id", "code": "missing", "message": "Field required"}


def problem(
    status: HTTPStatus, code: str, title: str, *, detail: str = "", **headers: str
) -> Reply:
    """Describe an answer that is a problem document."""
    example: JsonObject = {
        "type": f"urn:asyncnotify:problem:{code}",
        "title": title,
        "status": status.value,
        "code": code,
        "detail": f"{title}.",
        "request_id": "5d2f0c1ea9d94f0c8f4e2b7d9a3c6e10",
    }
    if status is HTTPStatus.UNPROCESSABLE_ENTITY:
        example |= {"detail": "`errors` names what is wrong.", "errors": [_BAD_FIELD]}
    return Reply(
        status=status.value,
        description=f"`{code}`: {title}. {detail}".rstrip(),
        schema=reference("Problem"),
        media_type=PROBLEM_JSON,
        example=example,
        headers={name.replace("_", "-"): text for name, text in headers.items()},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A public call. The first reply is the one that a client hopes for.

    The call that it makes has the same method and the same path. With `removes` it takes away what
    its path names, so that a repeated one finds nothing.
    """

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    name: str
    summary: str
    description: str
    replies: Sequence[Reply]
    parameters: Sequence[Parameter] = ()
    body: Body | None = None
    is_stream: bool = False
    removes: bool = False

    def document(self) -> JsonObject:
        """Return what FastAPI cannot read off a handler that only relays."""
        document: JsonObject = {
            "responses": {str(reply.status): reply.document() for reply in self.replies}
        }
        if self.parameters:
            document["parameters"] = [parameter.document() for parameter in self.parameters]
        if self.body is not None:
            document["requestBody"] = self.body.document()
        return document
