"""Request bodies: read within the limit, parsed as JSON whatever the content type says."""

from typing import TypeVar, overload

from fastapi import Request
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect

from service_kit.http.fields import field_errors
from service_kit.http.problems import INVALID_JSON, INVALID_REQUEST, ProblemError

T = TypeVar("T")
ModelT = TypeVar("ModelT", bound=BaseModel)


async def read_body(request: Request) -> bytes:
    """Read the whole body, once per request. Its size is bounded by the app's `max_body_bytes`.

    Raises:
        ClientDisconnect: the client hung up.
    """
    parts: list[bytes] = []
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


@overload
def parse_json_body(model_or_adapter: type[ModelT], body: bytes) -> ModelT: ...
@overload
def parse_json_body(model_or_adapter: TypeAdapter[T], body: bytes) -> T: ...
def parse_json_body(model_or_adapter: type[ModelT] | TypeAdapter[T], body: bytes) -> ModelT | T:
    """Parse and validate a JSON body.

    Raises:
        ProblemError: `INVALID_JSON` (400) for an empty body or broken JSON, and `INVALID_REQUEST`
            (422) with every bad field at once.
    """
    try:
        if isinstance(model_or_adapter, TypeAdapter):
            return model_or_adapter.validate_json(body)
        return model_or_adapter.model_validate_json(body)
    except ValidationError as error:
        raise _problem_of(error, body) from None


def _problem_of(error: ValidationError, body: bytes) -> ProblemError:
    if not body.strip():
        return ProblemError(INVALID_JSON, "The body is empty; a JSON document is expected.")
    details = error.errors(include_url=False, include_input=False, include_context=False)
    for each in details:
        if each["type"] == "json_invalid":
            return ProblemError(INVALID_JSON, each["msg"])
    return ProblemError(INVALID_REQUEST, errors=field_errors(error))
