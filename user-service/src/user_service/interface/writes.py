from collections.abc import Callable, Mapping
from datetime import datetime

from fastapi import APIRouter, Request, Response
from notification_contracts.http import user_model
from notification_contracts.http.scopes import Scope, needs
from service_kit.http.bodies import read_body
from service_kit.http.openapi_parts import JSON, REMOVES, JsonObject, answer, json_body
from service_kit.http.paths import decode_segment, path_segment

from user_service.application.remove_user import RemoveUser
from user_service.application.store_user import InvalidContact, StoreUser
from user_service.interface.contact_body import contact_body_model
from user_service.interface.contact_reading import contact_refused, read_contact
from user_service.interface.documents import find_user_id, user_json
from user_service.interface.parameters import OtherUserIdInPath
from user_service.interface.problems import NOT_FOUND_OR_UNAVAILABLE, UNAVAILABLE

_EXAMPLES: Mapping[str, JsonObject] = {
    "all channels": {
        "email": "ada@example.com",
        "sms": "+4915112345678",
        "push": "fcm-token-of-adas-phone",
        "preferred_channel": "email",
    },
    "two devices": {
        "email": "ada@example.com",
        "push": [
            {"address": "fcm-token-of-adas-phone", "label": "phone"},
            {"address": "fcm-token-of-adas-tablet", "label": "tablet"},
        ],
    },
}


def writing_routes(
    *, store: StoreUser, remove: RemoveUser, now: Callable[[], datetime]
) -> APIRouter:
    """Build the routes that store and remove users."""
    router = APIRouter(tags=["users"], default_response_class=Response)
    body_model = contact_body_model()

    @router.put(
        "/users/{user_id}",
        summary="Store a user",
        responses=answer(200, "Replaced.", user_model())
        | answer(
            201,
            "Stored: the user is new.",
            user_model(),
            headers={"Location": "Where the user is found."},
        )
        | UNAVAILABLE,
        openapi_extra=needs(Scope.SEND) | json_body(body_model, _EXAMPLES),
    )
    async def put_user(request: Request, user_id: OtherUserIdInPath) -> Response:
        """Stores a user's contact whole: what is not given is not kept. Each channel takes one
        address or a list of them. Addresses are checked, and stored in their normal form.
        """
        wanted_id = decode_segment(user_id)
        asked = read_contact(body_model, store, await read_body(request), wanted_id=wanted_id)
        try:
            stored = await store(asked)
        except InvalidContact as error:
            raise contact_refused(error.faults) from None
        status, headers = (200, {}) if not stored.is_new else (201, _place_of(wanted_id))
        return Response(user_json(stored.user, now()), status, headers, JSON)

    @router.delete(
        "/users/{user_id}",
        summary="Forget a user",
        status_code=204,
        responses=answer(204, "Forgotten.") | NOT_FOUND_OR_UNAVAILABLE,
        openapi_extra=needs(Scope.OPERATE) | REMOVES,
    )
    async def delete_user(user_id: OtherUserIdInPath) -> Response:
        """Forgets a user with all addresses."""
        await remove(find_user_id(user_id))
        return Response(status_code=204)

    return router


def _place_of(user_id: str) -> dict[str, str]:
    return {"Location": f"/users/{path_segment(user_id)}"}
