"""The routes of the calls that are relayed: in which form a path and a body go on."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from string import Formatter
from typing import Any

from fastapi import APIRouter
from service_kit.http.bodies import read_body
from service_kit.http.openapi_parts import JSON
from service_kit.http.paths import decode_segment, path_segment
from service_kit.http.problems import ProblemError
from service_kit.http.routes import RelayRoute
from service_kit.http.streams import StreamSlots
from starlette.requests import Request
from starlette.responses import Response

from gateway.application.client_limits import ClientLimits
from gateway.application.known_keys import CALLER, KnownKeys
from gateway.document import Call
from gateway.relay.answers import bind_trace_id, response_of
from gateway.relay.callers import SENDING, caller_of, refuse_other_channels
from gateway.relay.counting import COUNTED, stream_of, take_notifications
from gateway.relay.headers import headers_as_they_are, headers_for_service
from gateway.relay.problems import UNSUPPORTED_ENCODING
from gateway.relay.service import Service
from gateway.relay.streams import RelayedStream
from gateway.relay.waiting import RelayedWaits

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def relay_routes(
    calls: Sequence[Call],
    services: Mapping[str, Service],
    slots: StreamSlots,
    known: KnownKeys | None = None,
    limits: ClientLimits | None = None,
) -> APIRouter:
    """Make a route of each call; `slots` bounds the event streams, and waits within them.

    `known` says when who follows a stream may do so no more, `limits` how much a key may use up;
    None while nobody needs a key.
    """
    waits = RelayedWaits(slots.part())
    router = APIRouter(route_class=RelayRoute)
    for call in calls:
        service = services[call.service]
        router.add_api_route(
            call.path,
            _follower_of(call, service, slots, known, limits)
            if call.is_stream
            else _relay_of(call, service, waits, limits),
            methods=[call.method],
            name=call.name,
            openapi_extra=call.extras,
        )
    return router


def _relay_of(
    call: Call, service: Service, waits: RelayedWaits, limits: ClientLimits | None
) -> Handler:
    is_counted = limits is not None and call.method == "POST" and call.path in COUNTED
    path_of = _path_maker(call.path)
    headers_of = headers_as_they_are if call.as_it_is else headers_for_service

    async def relay(request: Request) -> Response:
        path, query = path_of(request), request.scope["query_string"].decode("latin-1")
        headers, body, taken = headers_of(request), None, None
        if call.has_body:
            body = await read_body(request)
            _refuse_encoded(request)
            if call.path in SENDING:
                refuse_other_channels(caller_of(request), body)
            if limits is not None and is_counted:
                taken = await take_notifications(request, limits, call.path, body)
        if call.has_body and not call.as_it_is:
            headers["content-type"] = JSON
        answer = await service.ask(call.method, path, query=query, headers=headers, body=body)
        if taken is not None:
            taken.settle(answer.status, answer.headers, answer.body)
        if call.removes and answer.is_repeat and answer.status == 404:
            # It is gone, as was asked for: most likely the answer that was lost said so.
            return Response(status_code=204)
        if call.may_wait:
            return await waits.response_of(request, service, answer)
        return response_of(answer)

    return relay


def _follower_of(
    call: Call,
    service: Service,
    slots: StreamSlots,
    known: KnownKeys | None,
    limits: ClientLimits | None,
) -> Handler:
    path_of = _path_maker(call.path)

    async def follow(request: Request) -> Response:
        path, query = path_of(request), request.scope["query_string"].decode("latin-1")
        opening = service.follow(path, query=query, headers=headers_for_service(request))
        watch = None if known is None else partial(known.watching, request.scope["state"][CALLER])
        return RelayedStream(service.name, opening, slots, watch, stream_of(request, limits))

    return follow


def _path_maker(template: str) -> Callable[[Request], str]:
    """Return what fills the same template with a request's parameters, each in its own segment."""
    names = [name for _, name, _, _ in Formatter().parse(template) if name]

    def path_of(request: Request) -> str:
        values = {name: decode_segment(request.path_params[name]) for name in names}
        bind_trace_id(values.get("trace_id", ""))
        return template.format_map({name: path_segment(value) for name, value in values.items()})

    return path_of if names else lambda _: template


def _refuse_encoded(request: Request) -> None:
    for name, value in request.scope["headers"]:
        if name == b"content-encoding" and value.strip().lower() not in {b"identity", b""}:
            raise ProblemError(UNSUPPORTED_ENCODING, headers=[("Accept-Encoding", "identity")])
