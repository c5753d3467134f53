"""Keys: made, listed, rotated and revoked by who has `admin`."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Path, Request, Response
from notification_contracts.events import NO_CONTROL_CHARACTERS
from notification_contracts.http import KnownChannel
from notification_contracts.http.callers import KeyKind
from notification_contracts.http.scopes import Scope, needs
from notification_contracts.timestamps import Timestamp
from pydantic import BaseModel, ConfigDict, Field, StrictInt, StringConstraints, model_validator
from pydantic_core import PydanticCustomError
from service_kit.cursors import ForeignCursor, seal, unseal
from service_kit.http.bodies import parse_json_body, read_body
from service_kit.http.fields import FieldError
from service_kit.http.openapi_parts import JSON, answer, in_days, json_body
from service_kit.http.pages import Cursor, Limit, read_cursor, read_page
from service_kit.http.problems import INVALID_REQUEST, ProblemError

from gateway.application.manage_keys import ManageKeys, NewKey, WantedKey
from gateway.application.ports import (
    KeyNotActive,
    KeyPlace,
    LastAdminKey,
    StoreUnavailable,
    UnknownKey,
)
from gateway.domain.keys import TEST_SCOPES, ApiKey, KeyLimits, is_prefix
from gateway.interface.problems import refusals

_LISTING: Final = "keys"
_GRACE: Final = timedelta(days=1)
_LONGEST_GRACE: Final = timedelta(days=30)
_EXAMPLES: Final = {
    "an application": {"name": "shop", "scopes": ["send", "read"]},
    "a trial": {"name": "my desk", "scopes": ["send"], "kind": "test", "channels": ["email"]},
    "an operator for a week": {
        "name": "Ada",
        "scopes": ["read", "operate"],
        "expires_at": in_days(7),
    },
}
_ROTATION: Final = {"an hour to change over": {"grace_seconds": 3600}, "a day": {}}

Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, min_length=1, max_length=100, pattern=NO_CONTROL_CHARACTERS
    ),
]
Amount = Annotated[StrictInt, Field(ge=1, le=1_000_000_000)]


def _may_repeat(schema: dict[str, Any]) -> None:
    """Say what is so: one that is named twice counts once."""
    del schema["uniqueItems"]


class KeyLimitsView(BaseModel):
    """What the key may use up; what is null is as for keys without limits of their own."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    requests_per_second: Amount | None = None
    burst: Amount | None = None
    notifications_per_day: Amount | None = None
    streams: Amount | None = None


class NewKeyRequest(BaseModel):
    """What a new key is to be like."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = Field(description="For people: who has it, and what for.")
    scopes: frozenset[Scope] = Field(
        min_length=1,
        description="What it may do; `admin` includes the others.",
        json_schema_extra=_may_repeat,
    )
    kind: KeyKind = Field(
        default=KeyKind.LIVE,
        description="What a `test` key sends reaches nobody; it may have `send` and `read` only.",
    )
    channels: (
        Annotated[frozenset[KnownChannel], Field(min_length=1, json_schema_extra=_may_repeat)]
        | None
    ) = Field(
        default=None,
        description="What it may send by; each request then has to name one of these. Null: all.",
    )
    expires_at: Timestamp | None = Field(default=None, description="From when on it is refused.")
    limits: KeyLimitsView = KeyLimitsView()

    @model_validator(mode="after")
    def _test_reaches_nobody(self) -> Self:
        if self.kind is KeyKind.TEST and not self.scopes <= TEST_SCOPES:
            raise PydanticCustomError("invalid_value", "a test key may have send and read only")
        return self


class RotationRequest(BaseModel):
    """How long the key that is replaced works on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    grace_seconds: StrictInt = Field(
        default=int(_GRACE.total_seconds()),
        ge=0,
        le=int(_LONGEST_GRACE.total_seconds()),
        description="So long the key that is replaced works on.",
    )


class KeyView(BaseModel):
    """A key, without its secret. `last_used_at` is exact to about a minute."""

    prefix: str
    name: str
    kind: KeyKind
    scopes: list[Scope]
    channels: list[str] | None
    limits: KeyLimitsView
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    replaced_by: str | None
    grace_ends_at: datetime | None
    revoked_at: datetime | None
    is_active: bool


class NewKeyView(KeyView):
    """A new key. `key` is its text, which is shown now and never again."""

    key: str


class KeyPageView(BaseModel):
    """A page; `next_cursor` leads to the next one, and is null on the last."""

    items: list[KeyView]
    next_cursor: str | None


PrefixInPath = Annotated[
    str,
    Path(
        description="The key's prefix: its public part, as `GET /keys` shows it.",
        openapi_examples={"a prefix": {"value": "5f0c2a9b1e"}},
    ),
]


def key_routes(keys: ManageKeys, now: Callable[[], datetime]) -> APIRouter:
    """Build the routes about keys."""
    router = APIRouter(tags=["keys"], default_response_class=Response)
    _add_making(router, keys, now)
    _add_finding(router, keys, now)
    _add_ending(router, keys, now)
    return router


def _add_making(router: APIRouter, keys: ManageKeys, now: Callable[[], datetime]) -> None:
    @router.post(
        "/keys",
        summary="Make a key",
        status_code=201,
        responses=answer(
            201,
            "The key, with its text, which is not kept.",
            NewKeyView,
            headers={"Location": "Where the key is found."},
        )
        | refusals(StoreUnavailable),
        openapi_extra=needs(Scope.ADMIN) | json_body(NewKeyRequest, _EXAMPLES),
    )
    async def create_key(request: Request) -> Response:
        """Makes a key, which works at once. Its text is in this answer and nowhere else."""
        asked = parse_json_body(NewKeyRequest, await read_body(request))
        if asked.expires_at is not None and asked.expires_at <= now():
            fault = FieldError(
                pointer="/expires_at", code="in_the_past", message="must be in the future"
            )
            raise ProblemError(INVALID_REQUEST, errors=[fault])
        made = await keys.make(
            WantedKey(
                name=asked.name,
                kind=asked.kind,
                scopes=asked.scopes,
                channels=asked.channels,
                expires_at=asked.expires_at,
                limits=KeyLimits(**asked.limits.model_dump()),
            )
        )
        return _new_key_answer(made, now())

    @router.post(
        "/keys/{prefix}/rotate",
        summary="Replace a key",
        status_code=201,
        responses=answer(
            201,
            "The new key, with its text, which is not kept.",
            NewKeyView,
            headers={"Location": "Where the new key is found."},
        )
        | refusals(UnknownKey, KeyNotActive, StoreUnavailable),
        openapi_extra=needs(Scope.ADMIN) | json_body(RotationRequest, _ROTATION),
    )
    async def rotate_key(prefix: PrefixInPath, request: Request) -> Response:
        """Makes a key that may do the same, and counts as the same client. The old one works on
        for `grace_seconds`.
        """
        asked = parse_json_body(RotationRequest, await read_body(request))
        made = await keys.rotate(prefix, timedelta(seconds=asked.grace_seconds))
        return _new_key_answer(made, now())


def _add_finding(router: APIRouter, keys: ManageKeys, now: Callable[[], datetime]) -> None:
    @router.get(
        "/keys",
        summary="List keys",
        responses=answer(200, "A page.", KeyPageView) | refusals(StoreUnavailable),
        openapi_extra=needs(Scope.ADMIN),
    )
    async def list_keys(limit: Limit = 50, cursor: Cursor = None) -> Response:
        """Gives a page of all keys, those that count no more too, newest first."""
        read = partial(keys.page, after=read_cursor(cursor, _place_in))
        page, last = await read_page(read, limit)
        view = KeyPageView(
            items=[KeyView.model_validate(_shown(key, now())) for key in page],
            next_cursor=last and seal(_LISTING, f"{last.created_at.isoformat()} {last.prefix}"),
        )
        return Response(view.model_dump_json(), media_type=JSON)

    @router.get(
        "/keys/{prefix}",
        summary="Find a key",
        responses=answer(200, "The key.", KeyView) | refusals(UnknownKey, StoreUnavailable),
        openapi_extra=needs(Scope.ADMIN),
    )
    async def get_key(prefix: PrefixInPath) -> Response:
        """Tells what a key may do, whether it counts, and when it was last used."""
        view = KeyView.model_validate(_shown(await keys.find(prefix), now()))
        return Response(view.model_dump_json(), media_type=JSON)


def _add_ending(router: APIRouter, keys: ManageKeys, now: Callable[[], datetime]) -> None:
    @router.delete(
        "/keys/{prefix}",
        summary="Revoke a key",
        responses=answer(200, "The key.", KeyView)
        | refusals(UnknownKey, LastAdminKey, StoreUnavailable),
        openapi_extra=needs(Scope.ADMIN),
    )
    async def revoke_key(prefix: PrefixInPath) -> Response:
        """Lets a key count no more, within 5 s on every gateway; its sessions and event streams end
        with it. Doing so twice is fine.
        """
        await keys.revoke(prefix)
        view = KeyView.model_validate(_shown(await keys.find(prefix), now()))
        return Response(view.model_dump_json(), media_type=JSON)


def _new_key_answer(made: NewKey, now: datetime) -> Response:
    view = NewKeyView.model_validate({**_shown(made.key, now), "key": made.text})
    headers = {"Location": f"/keys/{made.key.prefix}", "Cache-Control": "no-store"}
    return Response(view.model_dump_json(), 201, headers, JSON)


def _shown(key: ApiKey, now: datetime) -> dict[str, object]:
    return {
        "prefix": key.prefix,
        "name": key.name,
        "kind": key.kind,
        "scopes": [scope for scope in Scope if scope in key.scopes],
        "channels": None if key.channels is None else sorted(key.channels),
        "limits": {name: getattr(key.limits, name) for name in KeyLimits.__slots__},
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
        "replaced_by": key.replaced_by,
        "grace_ends_at": key.grace_ends_at,
        "revoked_at": key.revoked_at,
        "is_active": key.is_active_at(now),
    }


def _place_in(cursor: str) -> KeyPlace:
    created_at, _, prefix = unseal(_LISTING, cursor).partition(" ")
    if not is_prefix(prefix):
        raise ForeignCursor("the cursor was not issued here")
    return KeyPlace(datetime.fromisoformat(created_at).astimezone(UTC), prefix)
