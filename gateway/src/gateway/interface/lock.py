"""Puts the door before every route that needs a key, and the audit list behind those that change
something.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from fastapi.routing import APIRoute
from notification_contracts.http.scopes import Scope, scope_of
from service_kit.http.openapi_parts import COUNTED_BY
from service_kit.http.problems import ProblemTable
from starlette.routing import BaseRoute

from gateway.application.audit import AuditTrail
from gateway.application.client_limits import ClientLimits
from gateway.interface.audit import Audited
from gateway.interface.door import Door
from gateway.interface.limits import hold_to

_HEALTH = "/health/"


def lock(
    routes: Iterable[BaseRoute],
    *,
    door: Door | None,
    limits: ClientLimits,
    trail: AuditTrail,
    problems: ProblemTable,
    now: Callable[[], datetime],
) -> None:
    """Lock all routes; without a `door` no key is needed, and changes are audited all the same.

    Raises:
        ValueError: a route that changes something does not say which scope it needs.
    """
    for route in routes:
        if not isinstance(route, APIRoute):
            message = f"{route} cannot be locked"
            raise TypeError(message)
        method = min(route.methods or {"GET"})
        extras = route.openapi_extra or {}
        # The kit, which has health, knows no scopes.
        needed = None if route.path.startswith(_HEALTH) else scope_of(method, extras)
        if method != "GET" and needed in {Scope.OPERATE, Scope.ADMIN}:
            route.app = Audited(
                route.app,
                action=route.operation_id or route.name,
                counted_by=extras.get(COUNTED_BY),
                trail=trail,
                problems=problems,
                now=now,
            )
        if door is not None and needed is not None:
            route.app = door.guard(hold_to(limits, route.app), needed)
