"""A service's answer, as the client gets it."""

from collections.abc import Mapping

from notification_contracts.trace_ids import parse_trace_id
from service_kit.http.client import UpstreamResponse
from service_kit.logs import bind_contextvars
from starlette.responses import Response

from gateway.relay.headers import headers_for_client


def response_of(answer: UpstreamResponse) -> Response:
    """Pass on the status, the body and what passes of the headers."""
    headers = headers_for_client(answer)
    if trace_id := trace_id_in(headers):
        bind_contextvars(trace_id=trace_id)
    return Response(answer.body, answer.status, headers)


def trace_id_in(headers: Mapping[str, str]) -> str | None:
    """Return which notification an answer is about, if it says where that is."""
    place, _, name = headers.get("location", "").rpartition("/")
    return parse_trace_id(name) if place == "/notifications" else None


def bind_trace_id(text: str) -> None:
    """Let the log lines of this request name the notification."""
    if trace_id := parse_trace_id(text):
        bind_contextvars(trace_id=trace_id)
