"""The door before a hot call: who comes in, and how often, as `Door` and `hold_to` do for routes.

Whom it would have to turn away, or to look up, it leaves to the route.
"""

from collections.abc import Awaitable, Callable

from notification_contracts.http.scopes import Scope as KeyScope
from service_kit.http.hot import HotAnswer, HotHandler, HotRequest

from gateway.application.client_limits import ClientLimits
from gateway.application.known_keys import Principal
from gateway.application.limits import Allowance
from gateway.interface.door import Door
from gateway.interface.limits import hold_hot_to

_AUTHORIZATION = b"authorization"


def guard_hot(
    relay: Callable[[HotRequest, Principal | None, list[Allowance]], Awaitable[HotAnswer]],
    door: Door | None,
    limits: ClientLimits,
    needed: KeyScope,
) -> HotHandler:
    """Put the door before a hot call; without one everybody comes in."""

    def handle(request: HotRequest) -> Awaitable[HotAnswer] | None:
        if door is None:
            return relay(request, None, [])
        caller = door.known_with(request.headers.get(_AUTHORIZATION, b""))
        if caller is None or not caller.key.may(needed) or caller.key.channels is not None:
            return None
        request.fields["key"] = caller.key.prefix
        if limits.are_for(caller.key):
            return hold_hot_to(limits, request, caller, relay)
        return relay(request, caller, [])

    return handle
