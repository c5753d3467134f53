"""Whose contact a body asks to store, and all that is wrong with it: of one user, or of many."""

from collections.abc import Mapping, Sequence
from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json
from service_kit.http.bodies import parse_json_body
from service_kit.http.fields import FieldError, field_errors
from service_kit.http.problems import BODY_TOO_LARGE, INVALID_REQUEST, ProblemError

from user_service.application.store_user import AskedContact, ContactFault, StoreUser
from user_service.domain.user import UserId
from user_service.interface.contact_body import contact_in, without_forms
from user_service.interface.documents import check_user_id

CONTACT_MAX_BYTES: Final = 131_072


def read_contact(
    model: type[BaseModel], store: StoreUser, body: bytes, *, wanted_id: str | None = None
) -> AskedContact:
    """Return what the body asks to store for the user `wanted_id`, or for the one that it names.

    Raises:
        ProblemError: `INVALID_REQUEST`, with every fault, if its shape or the id is not right.
    """
    document, errors = _read(model, body)
    user_id = document.get("user_id") if wanted_id is None else wanted_id
    if document or not errors:
        errors = [*errors, *_id_errors(user_id, document)]
    given, preferred = contact_in(document)
    if errors:
        raise contact_refused(store.faults_of(given, preferred), errors)
    return AskedContact(user_id=UserId(str(user_id)), given=given, preferred_channel=preferred)


def contact_refused(
    faults: Sequence[ContactFault], errors: Sequence[FieldError] = ()
) -> ProblemError:
    """Name the errors of shape, and the faults where those have not said it already."""
    named = {error["pointer"] for error in errors}
    found = (
        FieldError(pointer=fault.place, code=fault.code, message=fault.message) for fault in faults
    )
    unsaid = (error for error in found if error["pointer"] not in named)
    return ProblemError(INVALID_REQUEST, errors=[*errors, *unsaid])


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


def _id_errors(user_id: object, document: Mapping[str, object]) -> Sequence[FieldError]:
    if user_id is None:
        return [FieldError(pointer="/user_id", code="missing", message="Field required")]
    if not isinstance(user_id, str):
        return ()  # the model has said so
    try:
        check_user_id(user_id)
    except ValidationError as error:
        return [{**each, "pointer": "/user_id"} for each in field_errors(error)]
    given_id = document.get("user_id")
    if isinstance(given_id, str) and given_id != user_id:
        message = "must be the user id of the path"
        return [FieldError(pointer="/user_id", code="mismatch", message=message)]
    return ()
