from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from notification_contracts.events import UserId as WellFormedUserId
from notification_contracts.http import ProblemView, contact_info_model, user_model, user_page_model
from pydantic import BaseModel, ConfigDict, Field
from service_kit.http.bodies import parse_json_body, read_body
from service_kit.http.fields import FieldError
from service_kit.http.problems import INVALID_REQUEST, ProblemError

from user_service.application.find_users import ListUsers, LookUpUsers, ShowUser
from user_service.domain import UserId
from user_service.interface.documents import (
    JSON,
    InvalidCursor,
    contact_json,
    contacts_json,
    find_user_id,
    json_body,
    read_cursor,
    user_json,
    user_page_json,
)

LOOK_UP_MAX_USERS = 500


class LookUpRequest(BaseModel):
    """The users whose contacts are wanted."""

    model_config = ConfigDict(extra="forbid")

    user_ids: list[WellFormedUserId] = Field(max_length=LOOK_UP_MAX_USERS)


def contact_routes(*, show: ShowUser, look_up: LookUpUsers) -> APIRouter:
    """Build the routes by which contacts are found: what a dispatcher asks for."""
    router = APIRouter(tags=["contacts"])

    @router.get(
        "/users/{user_id}/contact-info",
        responses={200: {"model": contact_info_model()}, 404: {"model": ProblemView}},
    )
    async def contact_info(user_id: str) -> Response:
        """Give a user's address on each channel, null where there is none, and the preference."""
        user = await show(find_user_id(user_id))
        return Response(contact_json(user), media_type=JSON)

    @router.post("/contact-info/lookup", openapi_extra=json_body(LookUpRequest))
    async def contact_infos(request: Request) -> Response:
        """Give the contacts of up to 500 users at once, by id; null for unknown users."""
        wanted = parse_json_body(LookUpRequest, await read_body(request))
        found = await look_up([UserId(user_id) for user_id in wanted.user_ids])
        return Response(contacts_json(found), media_type=JSON)

    return router


def user_routes(*, show: ShowUser, list_users: ListUsers) -> APIRouter:
    """Build the routes that show users, one or all of them."""
    router = APIRouter(tags=["users"])

    @router.get("/users", responses={200: {"model": user_page_model()}})
    async def users(
        limit: Annotated[int, Query(ge=1, le=200, description="Users on a page.")] = 50,
        cursor: Annotated[
            str, Query(max_length=1024, description="The `next_cursor` of the page before.")
        ] = "",
    ) -> Response:
        """Give a page of users in the order of their ids."""
        page = await list_users(after=_after(cursor), limit=limit)
        return Response(user_page_json(page), media_type=JSON)

    @router.get(
        "/users/{user_id}", responses={200: {"model": user_model()}, 404: {"model": ProblemView}}
    )
    async def user(user_id: str) -> Response:
        """Give a user: their id and their contact."""
        return Response(user_json(await show(find_user_id(user_id))), media_type=JSON)

    return router


def _after(cursor: str) -> UserId | None:
    if not cursor:
        return None
    try:
        return read_cursor(cursor)
    except InvalidCursor:
        fault = FieldError(
            pointer="/query/cursor",
            code="invalid_cursor",
            message="is not the next_cursor of an earlier page",
        )
        raise ProblemError(INVALID_REQUEST, errors=[fault]) from None
