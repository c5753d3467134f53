from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from types import GenericAlias
from typing import Any, Final

from fastapi import APIRouter, Request, Response
from notification_contracts.events import UserId as WellFormedUserId
from notification_contracts.http import contact_info_model, user_model, user_page_model
from pydantic import BaseModel, ConfigDict, Field, create_model
from service_kit.http.bodies import parse_json_body, read_body
from service_kit.http.hot import HotAnswer, HotCall, HotRequest
from service_kit.http.openapi_parts import INTERNAL, JSON, answer, json_body
from service_kit.http.pages import Cursor, Limit, read_cursor, read_page
from service_kit.http.problems import ProblemError

from user_service.application.find_users import ListUsers, LookUpUsers, ShowUser
from user_service.domain.user import UserId
from user_service.interface.documents import (
    contact_json,
    contacts_json,
    find_user_id,
    user_in,
    user_json,
    user_page_json,
)
from user_service.interface.parameters import UserIdInPath
from user_service.interface.problems import NOT_FOUND_OR_UNAVAILABLE, UNAVAILABLE

LOOK_UP_PATH: Final = "/contact-info/lookup"
LOOK_UP_MAX_USERS: Final = 500


class LookUpRequest(BaseModel):
    """The users whose contacts are wanted."""

    model_config = ConfigDict(extra="forbid")

    user_ids: list[WellFormedUserId] = Field(max_length=LOOK_UP_MAX_USERS)


def reading_routes(
    *,
    show: ShowUser,
    list_users: ListUsers,
    look_up: LookUpUsers,
    now: Callable[[], datetime],
) -> APIRouter:
    """Build the routes by which users and their contacts are found."""
    router = APIRouter(tags=["users"], default_response_class=Response)

    @router.get(
        "/users",
        name="list_users",
        summary="List users",
        responses=answer(200, "A page.", user_page_model()) | UNAVAILABLE,
    )
    async def list_page(
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Response:
        """Gives a page of users, in the order of their ids."""
        after = read_cursor(cursor, user_in)
        page, last = await read_page(partial(list_users, after=after), limit)
        return Response(user_page_json(page, last, now()), media_type=JSON)

    @router.get(
        "/users/{user_id}",
        summary="Find a user",
        responses=answer(200, "The user.", user_model()) | NOT_FOUND_OR_UNAVAILABLE,
    )
    async def get_user(user_id: UserIdInPath) -> Response:
        """Gives a user's id and contact."""
        return Response(user_json(await show(find_user_id(user_id)), now()), media_type=JSON)

    @router.get(
        "/users/{user_id}/contact-info",
        summary="Find a user's addresses",
        responses=answer(200, "The contact.", contact_info_model()) | NOT_FOUND_OR_UNAVAILABLE,
    )
    async def get_contact_info(user_id: UserIdInPath) -> Response:
        """Gives one address on each channel, null where there is none, and all of them."""
        user = await show(find_user_id(user_id))
        return Response(contact_json(user, now()), media_type=JSON)

    _add_look_up(router, look_up, now)
    return router


def _add_look_up(router: APIRouter, look_up: LookUpUsers, now: Callable[[], datetime]) -> None:
    @router.post(
        LOOK_UP_PATH,
        summary="Find the addresses of many users",
        responses=answer(200, "The contacts.", _look_up_answer()) | UNAVAILABLE,
        openapi_extra=INTERNAL
        | json_body(LookUpRequest, {"two users": {"user_ids": ["user_test", "ada"]}}),
    )
    async def look_up_contacts(request: Request) -> Response:
        """Gives the contacts of up to 500 users at once, by id; null for unknown users."""
        found = await look_up(_wanted_in(await read_body(request)))
        return Response(contacts_json(found, now()), media_type=JSON)


def hot_calls(look_up: LookUpUsers, now: Callable[[], datetime]) -> list[HotCall]:
    """Build the hot call of the same route: each notification needs a contact."""

    def look_up_contacts(request: HotRequest) -> Awaitable[HotAnswer] | None:
        try:
            return answer_with(_wanted_in(request.body))
        except ProblemError:
            return None

    async def answer_with(wanted: Sequence[UserId]) -> HotAnswer:
        return HotAnswer(200, contacts_json(await look_up(wanted), now()))

    return [HotCall(path=LOOK_UP_PATH, handle=look_up_contacts)]


def _wanted_in(body: bytes) -> Sequence[UserId]:
    return [UserId(user_id) for user_id in parse_json_body(LookUpRequest, body).user_ids]


def _look_up_answer() -> type[BaseModel]:
    contacts: Any = GenericAlias(dict, (str, contact_info_model() | None))
    return create_model("LookUpAnswer", contacts=(contacts, ...))
