"""The relay's hot call: asking for a notification, for clients without anything unusual.

It does what the call's route does, and leaves to that route: keys with limits or bound to channels,
sessions, waits, and whatever is refused.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from service_kit.http.hot import HotAnswer, HotCall, HotRequest, header_lines
from service_kit.http.openapi_parts import JSON

from gateway.application.client_limits import ClientLimits
from gateway.application.known_keys import Principal
from gateway.document import Call
from gateway.relay.answers import trace_id_in
from gateway.relay.callers import headers_about
from gateway.relay.headers import headers_for_client, plain_headers_for_service
from gateway.relay.service import Service

HOT_CALL: Final = ("POST", "/notifications")
_LEFT_TO_ROUTE: Final = (b"content-encoding", b"cookie", b"prefer")
_AUTHORIZATION: Final = b"authorization"


def hot_relay(
    call: Call,
    service: Service,
    known_with: Callable[[bytes], Principal | None] | None,
    limits: ClientLimits,
) -> HotCall:
    """Make the hot call of a relayed one without parameters.

    `known_with` tells who is known to send an `Authorization` such as this; None while nobody needs
    a key.
    """

    def relay(request: HotRequest) -> Awaitable[HotAnswer] | None:
        if known_with is None:
            return send_on(request, None)
        caller = known_with(request.headers.get(_AUTHORIZATION, b""))
        if caller is None or not _is_plain(caller, call, limits):
            return None
        request.fields["key"] = caller.key.prefix
        return send_on(request, caller)

    async def send_on(request: HotRequest, caller: Principal | None) -> HotAnswer:
        headers = plain_headers_for_service(request.headers)
        headers["x-request-id"] = request.request_id
        headers["content-type"] = JSON
        if caller is not None:
            headers.update(headers_about(caller))
        answer = await service.ask(call.method, call.path, headers=headers, body=request.body)
        passed = headers_for_client(answer)
        if trace_id := trace_id_in(passed):
            request.fields["trace_id"] = trace_id
        lines = [(name.encode(), value.encode("latin-1")) for name, value in passed.items()]
        return HotAnswer(answer.status, answer.body, header_lines(lines))

    return HotCall(path=call.path, handle=relay, unless=_LEFT_TO_ROUTE)


def _is_plain(caller: Principal, call: Call, limits: ClientLimits) -> bool:
    key = caller.key
    may = call.scope is not None and key.may(call.scope)
    return may and key.channels is None and not limits.are_for(key)
