from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from fastapi import APIRouter, Request, Response
from notification_contracts.http import user_model
from notification_contracts.http.scopes import Scope, needs
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from service_kit.http.bodies import parse_json_body, read_body
from service_kit.http.fields import FieldError, field_errors
from service_kit.http.openapi_parts import JSON, REMOVES, JsonObject, answer, json_body
from service_kit.http.paths import decode_segment, path_segment
from service_kit.http.problems import BODY_TOO_LARGE, INVALID_REQUEST, ProblemError

from user_service.application.remove_user import RemoveUser
from user_service.application.store_user import ContactFault, InvalidContact, StoreUser
from user_service.domain.user import UserId
from user_service.interface.contact_body import contact_body_model, contact_in, without_forms
from user_service.interface.documents import check_user_id, find_user_id, user_json
from user_service.interface.parameters import OtherUserIdInPath
from user_service.interface.problems import NOT_FOUND_OR_UNAVAILABLE, UNAVAILABLE

CONTACT_MAX_BYTES = 131_072

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
        document, errors = _read(body_model, await read_body(request))
        wanted_id = decode_segment(user_id)
        errors = [*errors, *_id_errors(wanted_id, document)]
        given, preferred = contact_in(document)
        if errors:
            faults = store.faults_of(given, preferred)
            raise ProblemError(INVALID_REQUEST, errors=_all_errors(errors, faults))
        try:
            stored = await store(UserId(wanted_id), given, preferred)
        except InvalidContact as error:
            raise ProblemError(INVALID_REQUEST, errors=_all_errors((), error.faults)) from None
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


def _read(model: type[BaseModel], body: bytes) -> tuple[Mapping[str, object], Sequence[FieldError]]:
    """Return the JSON object and what is wrong with its shape; an empty one if it isn't one."""
    if len(body) > CONTACT_MAX_BYTES:
        raise ProblemError(BODY_TOO_LARGE, f"At most {CONTACT_MAX_BYTES} bytes are accepted.")
    try:
        parse_json_body(model, body)
    except ProblemError as refused:
        if refused.problem is not INVALID_REQUEST:
            raise
        document = from_json(body)
        errors = [without_forms(error) for error in refused.errors]
        return document if isinstance(document, dict) else {}, errors
    return from_json(body), ()


def _id_errors(wanted_id: str, document: Mapping[str, object]) -> Sequence[FieldError]:
    try:
        check_user_id(wanted_id)
    except ValidationError as error:
        return [{**each, "pointer": "/user_id"} for each in field_errors(error)]
    given_id = document.get("user_id")
    if isinstance(given_id, str) and given_id != wanted_id:
        message = "must be the user id of the path"
        return [FieldError(pointer="/user_id", code="mismatch", message=message)]
    return ()


def _all_errors(errors: Sequence[FieldError], faults: Sequence[ContactFault]) -> list[FieldError]:
    """Add the faults to the errors of shape, where those have not said it already."""
    named = {error["pointer"] for error in errors}
    found = (
        FieldError(pointer=fault.place, code=fault.code, message=fault.message) for fault in faults
    )
    return [*errors, *(error for error in found if error["pointer"] not in named)]
