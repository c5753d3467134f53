"""From a client's request to a call, and from an answer to a response."""

from collections.abc import Callable, Coroutine, Sequence
from string import Formatter
from typing import Any, Final

from fastapi import APIRouter
from notification_contracts.trace_ids import parse_trace_id
from service_kit.http.bodies import read_body
from service_kit.http.paths import decode_segment, path_segment
from service_kit.http.problems import ProblemError
from service_kit.http.requests import request_id_of
from service_kit.http.routes import RelayRoute
from service_kit.http.streams import StreamSlots
from service_kit.logs import bind_contextvars
from starlette.requests import Request
from starlette.responses import Response

from gateway.application.ports import Call
from gateway.application.relay import REQUEST_HEADERS, Relay
from gateway.interface.operations import Operation
from gateway.interface.problems import UNSUPPORTED_ENCODING
from gateway.interface.responses import RelayedStream, response_of

Handler = Callable[[Request], Coroutine[Any, Any, Response]]

_PASSED: Final = {name.encode(): name for name in REQUEST_HEADERS}


def relay_router(
    tag: str, operations: Sequence[Operation], relay: Relay, slots: StreamSlots
) -> APIRouter:
    """Make the routes of `operations`, each answered through `relay`; `slots` bounds streams."""
    router = APIRouter(tags=[tag], route_class=RelayRoute, default_response_class=Response)
    for operation in operations:
        router.add_api_route(
            operation.path,
            _handler_of(operation, relay, slots),
            methods=[operation.method],
            name=operation.name,
            operation_id=operation.name,
            summary=operation.summary,
            description=operation.description,
            status_code=operation.replies[0].status,
            response_description=operation.replies[0].description,
            openapi_extra=operation.document(),
        )
    return router


def _handler_of(operation: Operation, relay: Relay, slots: StreamSlots) -> Handler:
    path_of = _path_maker(operation.path)

    async def pass_on(request: Request) -> Response:
        return response_of(
            await relay(_call_of(request, path_of(request)), removes=operation.removes)
        )

    async def pass_on_with_body(request: Request) -> Response:
        body = await read_body(request)
        answer = await relay(_call_of(request, path_of(request), body))
        place, _, name = answer.headers.get("location", "").rpartition("/")
        if place == "/notifications":
            _bind_trace_id(name)
        return response_of(answer)

    async def follow(request: Request) -> Response:
        return RelayedStream(relay, _call_of(request, path_of(request)), slots)

    if operation.is_stream:
        return follow
    return pass_on_with_body if operation.body else pass_on


def _path_maker(template: str) -> Callable[[Request], str]:
    """Return what fills the same template with a request's parameters, each in its own segment."""
    names = [name for _, name, _, _ in Formatter().parse(template) if name]

    def path_of(request: Request) -> str:
        values = {name: decode_segment(request.path_params[name]) for name in names}
        if "trace_id" in values:
            _bind_trace_id(values["trace_id"])
        return template.format_map({name: path_segment(value) for name, value in values.items()})

    return path_of if names else lambda _: template


def _bind_trace_id(text: str) -> None:
    if trace_id := parse_trace_id(text):
        bind_contextvars(trace_id=trace_id)


def _call_of(request: Request, path: str, body: bytes | None = None) -> Call:
    headers = {"x-request-id": request_id_of(request)}
    if body is not None:
        headers["content-type"] = "application/json"
    for raw_name, raw_value in request.scope["headers"]:
        if name := _PASSED.get(raw_name):
            value = _text(raw_value)
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        elif raw_name == b"content-encoding" and body is not None:
            _refuse_encoded(raw_value)
    return Call(
        method=request.method,
        path=path,
        query=request.scope["query_string"].decode("latin-1"),
        headers=headers,
        body=body,
    )


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _refuse_encoded(encoding: bytes) -> None:
    if encoding.strip().lower() not in {b"identity", b""}:
        raise ProblemError(UNSUPPORTED_ENCODING, headers=[("Accept-Encoding", "identity")])
