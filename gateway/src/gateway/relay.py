"""A call on its way: which service answers it, what passes in and out, what becomes of errors."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from string import Formatter
from types import MappingProxyType
from typing import Any, Final

from fastapi import APIRouter
from notification_contracts.trace_ids import parse_trace_id
from service_kit.http.bodies import read_body
from service_kit.http.client import (
    HttpClient,
    UpstreamError,
    UpstreamResponse,
    UpstreamStream,
    UpstreamTimeout,
    UpstreamUnavailable,
)
from service_kit.http.openapi_parts import JSON
from service_kit.http.paths import decode_segment, path_segment
from service_kit.http.problems import MEDIA_TYPE, ProblemError
from service_kit.http.routes import RelayRoute
from service_kit.http.streams import StreamSlots
from service_kit.logs import bind_contextvars, get_logger
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from gateway.document import Call
from gateway.headers import headers_as_they_are, headers_for_client, headers_for_service
from gateway.problems import (
    UNSUPPORTED_ENCODING,
    ServiceBroken,
    ServiceDown,
    ServiceSilent,
    why_not_ready,
)

log = get_logger(__name__)

# A page of a hundred notifications with long timelines is well below this.
_MAX_ANSWER_BYTES: Final = 8 * 1024 * 1024
# Only an answer that refuses a stream is gathered; none of ours comes near this.
_MAX_REFUSAL_BYTES: Final = 65_536
# The service sends a comment far more often than this on a stream where nothing happens.
_STREAM_IDLE: Final = timedelta(seconds=60)

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
Opening = AbstractAsyncContextManager[UpstreamStream | UpstreamResponse]


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service behind the gateway. `name` is what it is called in the log.

    `timeout` bounds the time until a stream begins; the client bounds that of a whole answer.
    Errors name the service and the fault: they are for the log, not for a client.
    """

    name: str
    http: HttpClient
    timeout: timedelta

    async def check(self) -> None:
        """Return if the service says that it is ready.

        Raises:
            ServiceDown, ServiceSilent, ServiceBroken: it does not.
        """
        answer = await self.ask("GET", "/health/ready")
        if answer.status != 200:
            raise ServiceBroken(f"{self.name}: {why_not_ready(answer)}")

    async def ask(
        self,
        method: str,
        path: str,
        *,
        query: str = "",
        headers: Mapping[str, str] = MappingProxyType({}),
        body: bytes | None = None,
    ) -> UpstreamResponse:
        """Return the whole answer, whatever its status.

        Raises:
            ServiceDown, ServiceSilent, ServiceBroken: there is none that a client can use.
        """
        try:
            answer = await self.http.request(
                method,
                path,
                query=query,
                headers=headers,
                body=body,
                max_response_bytes=_MAX_ANSWER_BYTES,
            )
        except UpstreamError as error:
            raise self._failure(error) from error
        self._refuse_bare_failure(answer)
        return answer

    @asynccontextmanager
    async def follow(
        self, path: str, *, query: str, headers: Mapping[str, str]
    ) -> AsyncIterator[UpstreamStream | UpstreamResponse]:
        """Hand over the stream as it arrives, or the answer that refuses it.

        Raises:
            ServiceDown, ServiceSilent, ServiceBroken: there is none that a client can use.
        """
        async with AsyncExitStack() as stack:
            opening = self.http.stream(
                "GET", path, query=query, headers=headers, idle_timeout=_STREAM_IDLE
            )
            try:
                async with asyncio.timeout(self.timeout.total_seconds()):
                    stream = await stack.enter_async_context(opening)
                refusal = None if stream.status == 200 else await _gathered(stream)
            except TimeoutError as error:
                raise ServiceSilent(f"{self.name}: the stream did not begin in time") from error
            except UpstreamError as error:
                raise self._failure(error) from error
            if refusal is None:
                yield stream
                return
            self._refuse_bare_failure(refusal)
            yield refusal

    def _refuse_bare_failure(self, answer: UpstreamResponse) -> None:
        if answer.status >= 500 and not answer.headers.get("Content-Type", "").startswith(
            MEDIA_TYPE
        ):
            raise ServiceBroken(
                f"{self.name}: answered {answer.status}, without a problem document"
            )

    def _failure(self, error: UpstreamError) -> Exception:
        text = f"{self.name}: {error}"
        if not error.sent:
            return ServiceDown(text)
        return ServiceSilent(text) if isinstance(error, UpstreamTimeout) else ServiceBroken(text)


def relay_routes(
    calls: Sequence[Call], services: Mapping[str, Service], slots: StreamSlots
) -> APIRouter:
    """Make a route of each call; `slots` bounds the event streams."""
    router = APIRouter(route_class=RelayRoute)
    for call in calls:
        router.add_api_route(
            call.path, _handler_of(call, services[call.service], slots), methods=[call.method]
        )
    return router


def _handler_of(call: Call, service: Service, slots: StreamSlots) -> Handler:
    path_of = _path_maker(call.path)
    headers_of = headers_as_they_are if call.as_it_is else headers_for_service

    async def relay(request: Request) -> Response:
        path, query = path_of(request), request.scope["query_string"].decode("latin-1")
        headers, body = headers_of(request), None
        if call.has_body:
            body = await read_body(request)
            _refuse_encoded(request)
        if call.has_body and not call.as_it_is:
            headers["content-type"] = JSON
        answer = await service.ask(call.method, path, query=query, headers=headers, body=body)
        if call.removes and answer.is_repeat and answer.status == 404:
            # It is gone, as was asked for: most likely the answer that was lost said so.
            return Response(status_code=204)
        return _response_of(answer)

    async def follow(request: Request) -> Response:
        path, query = path_of(request), request.scope["query_string"].decode("latin-1")
        opening = service.follow(path, query=query, headers=headers_for_service(request))
        return _RelayedStream(service.name, opening, slots)

    return follow if call.is_stream else relay


def _path_maker(template: str) -> Callable[[Request], str]:
    """Return what fills the same template with a request's parameters, each in its own segment."""
    names = [name for _, name, _, _ in Formatter().parse(template) if name]

    def path_of(request: Request) -> str:
        values = {name: decode_segment(request.path_params[name]) for name in names}
        _bind_trace_id(values.get("trace_id", ""))
        return template.format_map({name: path_segment(value) for name, value in values.items()})

    return path_of if names else lambda _: template


def _bind_trace_id(text: str) -> None:
    if trace_id := parse_trace_id(text):
        bind_contextvars(trace_id=trace_id)


def _refuse_encoded(request: Request) -> None:
    for name, value in request.scope["headers"]:
        if name == b"content-encoding" and value.strip().lower() not in {b"identity", b""}:
            raise ProblemError(UNSUPPORTED_ENCODING, headers=[("Accept-Encoding", "identity")])


def _response_of(answer: UpstreamResponse) -> Response:
    headers = headers_for_client(answer)
    place, _, name = headers.get("location", "").rpartition("/")
    if place == "/notifications":
        _bind_trace_id(name)
    return Response(answer.body, answer.status, headers)


async def _gathered(stream: UpstreamStream) -> UpstreamResponse:
    body = bytearray()
    async for chunk in stream.chunks:
        body += chunk
        if len(body) > _MAX_REFUSAL_BYTES:
            message = f"refused a stream with {stream.status} and too long a body"
            raise UpstreamUnavailable(message, sent=True)
    return UpstreamResponse(stream.status, stream.headers, bytes(body))


class _RelayedStream(StreamingResponse):
    """A response that lasts until the service, the client or the gateway ends it.

    In each case what the client has got is complete; it comes back with `Last-Event-ID`.
    """

    def __init__(self, service: str, opening: Opening, slots: StreamSlots) -> None:
        super().__init__(())
        self._service = service
        self._opening = opening
        self._slots = slots

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Open the stream and pass it on, or pass on the answer that refuses it."""
        with self._slots.slot():
            async with self._opening as answer:
                if isinstance(answer, UpstreamResponse):
                    await _response_of(answer)(scope, receive, send)
                    return
                self.init_headers(headers_for_client(answer))
                self.body_iterator = _chunks_of(self._service, answer)
                await super().__call__(scope, receive, send)


async def _chunks_of(service: str, stream: UpstreamStream) -> AsyncIterator[bytes]:
    # Nothing yet; but a client that has asked for the head alone need not wait for an event.
    yield b""
    try:
        async for chunk in stream.chunks:
            yield chunk
    except UpstreamError as error:
        log.warning("stream.broken_off", service=service, error=str(error))
