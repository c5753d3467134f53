"""The relay's hot call: asking for a notification, for clients without anything unusual."""

from collections.abc import Awaitable, Callable
from typing import Final

from service_kit.http.hot import HotAnswer, HotRequest, header_lines
from service_kit.http.openapi_parts import JSON

from gateway.application.client_limits import ClientLimits
from gateway.application.known_keys import Principal
from gateway.application.limits import Allowance
from gateway.document import Call
from gateway.relay.answers import trace_id_in
from gateway.relay.callers import headers_about
from gateway.relay.counting import take_notifications_of
from gateway.relay.headers import headers_for_client, plain_headers_for_service
from gateway.relay.service import Service

HOT_CALL: Final = ("POST", "/notifications")
LEFT_TO_ROUTE: Final = (b"content-encoding", b"cookie", b"prefer")
"""Requests with one of these headers go the general road."""

HotRelay = Callable[[HotRequest, Principal | None, list[Allowance]], Awaitable[HotAnswer]]
"""Sends a request on for whoever came in, and notes what it counts for."""


def hot_relay(call: Call, service: Service, limits: ClientLimits) -> HotRelay:
    """Make what sends on plain requests of a call that has no parameters.

    It does what the call's route does, for keys that are not bound to channels.
    """

    async def send_on(
        request: HotRequest, caller: Principal | None, allowances: list[Allowance]
    ) -> HotAnswer:
        headers = plain_headers_for_service(request.headers)
        headers["x-request-id"] = request.request_id
        taken = None
        if caller is not None:
            headers.update(headers_about(caller))
            taken = await take_notifications_of(caller, limits, 1, allowances)
        headers["content-type"] = JSON
        answer = await service.ask(call.method, call.path, headers=headers, body=request.body)
        if taken is not None:
            taken.settle(answer.status, answer.headers, answer.body)
        passed = headers_for_client(answer)
        if trace_id := trace_id_in(passed):
            request.fields["trace_id"] = trace_id
        lines = [(name.encode(), value.encode("latin-1")) for name, value in passed.items()]
        return HotAnswer(answer.status, answer.body, header_lines(lines))

    return send_on
