from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from notification_contracts.events import UserId as WellFormedUserId
from notification_contracts.http import contact_info_model, user_model, user_page_model
from pydantic import BaseModel, ConfigDict, Field
from service_kit.http.bodies import parse_json_body, read_body
from service_kit.http.fields import FieldError
from service_kit.http.openapi_parts import INTERNAL, JSON, answer, json_body
from service_kit.http.problems import INVALID_REQUEST, ProblemError

from user_service.application.find_users import ListUsers, LookUpUsers, ShowUser
from user_service.domain import UserId
from user_service.interface.documents import (
    InvalidPageCursor,
    contact_json,
    contacts_json,
    find_user_id,
    read_cursor,
    user_json,
    user_page_json,
)
from user_service.interface.parameters import UserIdInPath
from user_service.interface.problems import NOT_FOUND_OR_UNAVAILABLE, UNAVAILABLE

LOOK_UP_MAX_USERS = 500


class LookUpRequest(BaseModel):
    """The users whose contacts are wanted."""

    model_config = ConfigDict(extra="forbid")

    user_ids: list[WellFormedUserId] = Field(max_length=LOOK_UP_MAX_USERS)


class LookUpAnswer(BaseModel):
    """The contacts of users by id, null for unknown users."""

    contacts: dict[str, dict[str, str | None] | None]


def reading_routes(*, show: ShowUser, list_users: ListUsers, look_up: LookUpUsers) -> APIRouter:
    """Build the routes by which users and their contacts are found."""
    router = APIRouter(tags=["users"], default_response_class=Response)

    @router.get(
        "/users",
        name="list_users",
        summary="List users",
        responses=answer(200, "A page.", user_page_model()) | UNAVAILABLE,
    )
    async def list_page(
        limit: Annotated[
            int, Query(ge=1, le=200, description="How many items the page may hold.")
        ] = 50,
        cursor: Annotated[
            str | None,
            Query(
                max_length=1024,
                description="`next_cursor` of the page before; without it, the first page.",
            ),
        ] = None,
    ) -> Response:
        """Gives a page of users, in the order of their ids."""
        page = await list_users(after=_after(cursor), limit=limit)
        return Response(user_page_json(page), media_type=JSON)

    @router.get(
        "/users/{user_id}",
        summary="Find a user",
        responses=answer(200, "The user.", user_model()) | NOT_FOUND_OR_UNAVAILABLE,
    )
    async def get_user(user_id: UserIdInPath) -> Response:
        """Gives a user's id and contact."""
        return Response(user_json(await show(find_user_id(user_id))), media_type=JSON)

    @router.get(
        "/users/{user_id}/contact-info",
        summary="Find a user's addresses",
        responses=answer(200, "The contact.", contact_info_model()) | NOT_FOUND_OR_UNAVAILABLE,
    )
    async def get_contact_info(user_id: UserIdInPath) -> Response:
        """Gives the address on each channel, null where there is none."""
        user = await show(find_user_id(user_id))
        return Response(contact_json(user), media_type=JSON)

    _add_look_up(router, look_up)
    return router


def _add_look_up(router: APIRouter, look_up: LookUpUsers) -> None:
    @router.post(
        "/contact-info/lookup",
        summary="Find the addresses of many users",
        responses=answer(200, "The contacts.", LookUpAnswer) | UNAVAILABLE,
        openapi_extra=INTERNAL
        | json_body(LookUpRequest, {"two users": {"user_ids": ["user_test", "ada"]}}),
    )
    async def look_up_contacts(request: Request) -> Response:
        """Gives the contacts of up to 500 users at once, by id; null for unknown users."""
        wanted = parse_json_body(LookUpRequest, await read_body(request))
        found = await look_up([UserId(user_id) for user_id in wanted.user_ids])
        return Response(contacts_json(found), media_type=JSON)


def _after(cursor: str | None) -> UserId | None:
    if not cursor:
        return None
    try:
        return read_cursor(cursor)
    except InvalidPageCursor:
        fault = FieldError(
            pointer="/query/cursor",
            code="invalid_cursor",
            message="is not the next_cursor of an earlier page",
        )
        raise ProblemError(INVALID_REQUEST, errors=[fault]) from None
