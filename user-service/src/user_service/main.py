"""Puts the user-service together, and runs it."""

from functools import partial
from typing import Final, Protocol

from fastapi import FastAPI
from notification_contracts.http.fields import MAX_REQUEST_BYTES
from service_kit.epoch import utc_now
from service_kit.http.access import access_of
from service_kit.http.admission import Admission
from service_kit.http.app import build_app
from service_kit.http.internal_token import internal_token_of
from service_kit.http.limits import grant, limits_of
from service_kit.http.server import serve
from service_kit.lifecycle import Resource
from service_kit.logs import configure_logging
from service_kit.settings import load_settings
from service_kit.sql.urls import MEMORY_URL

from user_service.application.address_health import (
    ListSuppressions,
    ReleaseAddress,
    ReportAddresses,
)
from user_service.application.find_users import ListUsers, LookUpUsers, ShowUser
from user_service.application.ports import AddressHealthStore, UserReader, UserWriter
from user_service.application.remove_user import RemoveUser
from user_service.application.store_user import StoreUser
from user_service.infrastructure.addresses import address_normaliser
from user_service.infrastructure.memory import InMemoryUsers
from user_service.infrastructure.seed import SEED_USERS
from user_service.interface.batches import batch_routes
from user_service.interface.problems import PROBLEMS
from user_service.interface.reads import hot_calls, reading_routes
from user_service.interface.suppressions import suppression_routes
from user_service.interface.writes import writing_routes
from user_service.settings import UserServiceSettings

SERVICE: Final = "user-service"

# As much as the gateway lets through; a batch of users takes what it gets.
MAX_BODY_BYTES: Final = MAX_REQUEST_BYTES


class Users(UserReader, UserWriter, AddressHealthStore, Protocol):
    """What keeps users: it finds what it has stored, and shows what is reported of addresses."""


def build(settings: UserServiceSettings, *, users: Users | None = None) -> FastAPI:
    """Put the service together, on the store of the settings or on `users`."""
    users, resources = (users, []) if users else _open_users(settings.users_database_url)
    normalise = address_normaliser(settings.users_default_region)
    store = StoreUser(users=users, normalise=normalise, now=utc_now)
    look_up = LookUpUsers(users=users)

    async def can_read() -> None:
        await users.page(after=None, limit=1)

    return build_app(
        service=SERVICE,
        title="AsyncNotify user-service",
        routers=[
            reading_routes(
                show=ShowUser(users=users),
                list_users=ListUsers(users=users),
                look_up=look_up,
                now=utc_now,
            ),
            writing_routes(store=store, remove=RemoveUser(users=users), now=utc_now),
            batch_routes(store),
            suppression_routes(
                report=ReportAddresses(store=users, normalise=normalise, now=utc_now),
                release=ReleaseAddress(store=users, normalise=normalise, now=utc_now),
                list_suppressions=ListSuppressions(store=users, now=utc_now),
            ),
        ],
        problems=PROBLEMS,
        checks={"users": can_read},
        resources=resources,
        admission=Admission(
            max_body_bytes=MAX_BODY_BYTES,
            access=access_of(settings, service=SERVICE, listens_on=settings.user_service_host),
            token=internal_token_of(settings),
        ),
        docs=True,
        hot_calls=hot_calls(look_up, utc_now),
    )


def run() -> None:
    """Run the service until it is told to stop."""
    settings = load_settings(UserServiceSettings)
    configure_logging(SERVICE, format=settings.log_format, level=settings.log_level)
    serve(
        partial(build, settings),
        host=settings.user_service_host,
        port=settings.user_service_port,
        service=SERVICE,
        limits=grant(limits_of(settings), service=SERVICE),
    )


def _open_users(database_url: str) -> tuple[Users, list[Resource]]:
    """Open what keeps users, and list what of it is started and stopped."""
    if database_url == MEMORY_URL:
        return InMemoryUsers(SEED_USERS), []
    # Measured: a database takes 20 MB.
    from user_service.infrastructure.sql.repository import SqlUsers  # noqa: PLC0415 - see above

    users = SqlUsers(database_url, seeds=SEED_USERS)
    return users, [users]
