"""Answers that come when a notification has ended, because the client prefers to wait for that.

The service has accepted before the waiting begins, in a call of its own: whatever happens then, the
client is told so.
"""

import json
from datetime import timedelta
from typing import Any, Final

from notification_contracts.states import Status
from pydantic_core import to_json
from service_kit.http.client import UpstreamResponse
from service_kit.http.requests import request_id_of
from service_kit.http.streams import StreamSlots
from service_kit.http.waiting import APPLIED, preferred_wait, wait_for
from service_kit.logs import get_logger
from starlette.requests import Request
from starlette.responses import Response

from gateway.relay.answers import response_of
from gateway.relay.problems import ServiceBroken, ServiceDown, ServiceSilent
from gateway.relay.service import Service

log = get_logger(__name__)

_ACCEPTED: Final = 202
_FOUND: Final = 200
_FINAL: Final = frozenset(each.value for each in Status if each.is_final)


class RelayedWaits:
    """Waits for the ends of notifications, for as many clients at once as `slots` has room for.

    Whoever finds no room is answered at once, as without the preference.
    """

    def __init__(self, slots: StreamSlots) -> None:
        self._slots = slots

    async def response_of(
        self, request: Request, service: Service, answer: UpstreamResponse
    ) -> Response:
        """Pass on the answer to a call about one notification, or, later, how that ended."""
        response = response_of(answer)
        seconds = preferred_wait(request)
        if answer.status not in {_ACCEPTED, _FOUND} or not seconds or not self._slots.has_room:
            return response
        response.headers.update(APPLIED)
        shown = json.loads(answer.body)
        if answer.status == _FOUND and shown["status"] in _FINAL:
            return response
        with self._slots.slot():
            looking = _look(request, service, shown["trace_id"], seconds)
            found = await wait_for(looking, request, seconds + service.timeout.total_seconds())
        if found is None or (answer.status == _ACCEPTED and found["status"] not in _FINAL):
            return response
        headers = {name: value for name, value in response.headers.items() if name not in _OF_BODY}
        body = {**shown, **found} if answer.status == _ACCEPTED else found
        return Response(to_json(body), _FOUND, headers)


_OF_BODY: Final = frozenset({"content-length"})


async def _look(
    request: Request, service: Service, trace_id: str, seconds: int
) -> dict[str, Any] | None:
    """Return the notification when it has ended, or after so many seconds."""
    headers = {"x-request-id": request_id_of(request), "prefer": f"wait={seconds}"}
    path, patience = f"/notifications/{trace_id}", timedelta(seconds=seconds)
    try:
        answer = await service.look(path, headers=headers, patience=patience)
    except (ServiceDown, ServiceSilent, ServiceBroken) as error:
        log.warning("wait.broken_off", service=service.name, error=str(error))
        return None
    return json.loads(answer.body) if answer.status == _FOUND else None
