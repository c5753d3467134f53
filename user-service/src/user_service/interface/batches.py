"""Storing many users in one call."""

from collections.abc import Iterator, Sequence
from typing import Final

from fastapi import APIRouter, Request, Response
from notification_contracts.events import UserId as WellFormedUserId
from notification_contracts.http.scopes import Scope, needs
from pydantic import BaseModel, create_model
from pydantic_core import to_json
from service_kit.http.batches import (
    BatchItem,
    batch_answers,
    batch_model,
    batch_response,
    read_batch,
    refused_item,
)
from service_kit.http.openapi_parts import JsonObject, json_body
from service_kit.http.problems import ProblemError
from service_kit.http.requests import log_request_as

from user_service.application.store_user import AskedContact, InvalidContact, StoreUser
from user_service.interface.contact_body import contact_body_model
from user_service.interface.contact_reading import contact_refused, read_contact
from user_service.interface.problems import PROBLEMS, UNAVAILABLE

_NAME: Final = "users"
_ID: Final = "user_id"
_BODY: Final = batch_model("ReadUsers", _NAME, object)
_EXAMPLES: Final = {
    "two": {
        _NAME: [
            {_ID: "ada", "email": "ada@example.com"},
            {_ID: "bob", "sms": "+4915112345678", "preferred_channel": "sms"},
        ]
    }
}


class UserBatchItem(BatchItem):
    """What became of one user: `201` if they are new, `200` if replaced, or why refused."""

    user_id: str | None = None


def batch_routes(store: StoreUser) -> APIRouter:
    """Build the route that stores many users."""
    router = APIRouter(tags=["users"], default_response_class=Response)
    model = contact_body_model()
    described = create_model("UserInBatch", __base__=model, user_id=(WellFormedUserId, ...))
    example = [{"status": 201, _ID: "ada"}, {"status": 200, _ID: "bob"}]

    @router.post(
        "/users/batch",
        summary="Store many users",
        responses=batch_answers("UserBatchAnswer", UserBatchItem, example) | UNAVAILABLE,
        openapi_extra=needs(Scope.SEND)
        | json_body(batch_model("UserBatch", _NAME, described), _EXAMPLES),
    )
    async def put_users(request: Request) -> Response:
        """Stores up to 500 contacts, each whole, as storing one does; one that is refused keeps no
        other from being stored. The pointers of its `problem` begin at the item. If a user is among
        them more than once, the last one counts. The same call may be repeated.
        """
        read = [_read(model, store, item) for item in await read_batch(request, _BODY)]
        asked = [each for each in read if isinstance(each, AskedContact)]
        outcomes = iter(zip(asked, await store.each(asked), strict=True))
        items = list(_answers(read, outcomes))
        stored = [item["status"] for item in items if "problem" not in item]
        log_request_as(
            request, "users.stored", new=stored.count(201), refused=len(items) - len(stored)
        )
        return batch_response(items)

    return router


def _read(model: type[BaseModel], store: StoreUser, item: object) -> AskedContact | JsonObject:
    """Return what an item asks to store, or the answer that refuses it."""
    try:
        # As JSON, as the call for one has it: both say the same in the same words.
        return read_contact(model, store, to_json(item))
    except ProblemError as error:
        return refused_item(error, PROBLEMS)


def _answers(
    read: Sequence[AskedContact | JsonObject],
    outcomes: Iterator[tuple[AskedContact, bool | InvalidContact]],
) -> Iterator[JsonObject]:
    for each in read:
        if not isinstance(each, AskedContact):
            yield each
            continue
        asked, outcome = next(outcomes)
        if isinstance(outcome, InvalidContact):
            yield refused_item(contact_refused(outcome.faults), PROBLEMS)
        else:
            yield {"status": 201 if outcome else 200, _ID: asked.user_id}
