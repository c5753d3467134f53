"""What would become of a notification, over HTTP."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from fastapi import APIRouter, Request, Response
from notification_contracts.http import NotificationRequest
from notification_contracts.http.callers import caller_of
from notification_contracts.http.scopes import Scope, needs
from notification_contracts.states import Reason
from notification_ledger.channel_pauses import ChannelPauses
from notification_ledger.reading import LedgerUnavailable
from pydantic import BaseModel, TypeAdapter
from pydantic_core import to_json
from service_kit.http.bodies import parse_json_body, read_body
from service_kit.http.openapi_parts import JSON, answer, json_body

from notification_dispatcher.application.dry_run import DryRun
from notification_dispatcher.application.find_contact import FindContacts
from notification_dispatcher.application.provider_states import ProviderStates
from notification_dispatcher.interface.problems import refusals

_REQUEST: Final = TypeAdapter(NotificationRequest)
_EXAMPLES: Final = {
    "the least": {"user_id": "user_test", "message": "your purchase was completed successfully"}
}


class ForeseenTargetView(BaseModel):
    """One of the user's addresses on the channel: its label or its place, never the address.

    `health` is `good`, or why nothing is sent to it. `is_used` says that it would be sent to first.
    """

    target: str
    health: str
    is_used: bool


class ForeseenView(BaseModel):
    """What would become of it, as things stand; `sentence` says it in words.

    `would_be_sent` is false if it would fail, with this `reason`. `provider` is the one that would
    be asked first, null if none can be now; `waits_until` is when one can, if that is known.
    """

    would_be_sent: bool
    reason: Reason | None
    channel: str | None
    sentence: str
    targets: list[ForeseenTargetView]
    provider: str | None
    waits_until: datetime | None
    delivery: str


def dry_run_routes(
    find_contacts: FindContacts,
    states: ProviderStates,
    pauses: ChannelPauses,
    now: Callable[[], datetime],
) -> APIRouter:
    """Build the route that answers before anything is sent."""
    router = APIRouter(tags=["notifications"], default_response_class=Response)
    dry_run = DryRun(find_contacts=find_contacts, states=states, pauses=pauses, now=now)

    @router.post(
        "/notifications/explain",
        summary="Try a notification without sending it",
        responses=answer(200, "What would become of it.", ForeseenView)
        | refusals(LedgerUnavailable),
        openapi_extra=needs(Scope.SEND) | json_body(NotificationRequest, _EXAMPLES),
    )
    async def foresee_notification(request: Request) -> Response:
        """Takes the body of `POST /notifications`, sends nothing, and tells what would become of
        it: on which channel, to which addresses, by which provider, when; or why it would fail.
        """
        asked = parse_json_body(_REQUEST, await read_body(request))
        is_test = caller_of(request.scope["headers"]).is_test
        return Response(to_json(await dry_run(asked, is_test=is_test)), media_type=JSON)

    return router
