"""Puts the gateway together, and runs it."""

from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from typing import Final

from fastapi import FastAPI
from service_kit.http.access import access_of
from service_kit.http.admission import Admission
from service_kit.http.app import build_app
from service_kit.http.client import UpstreamClient
from service_kit.http.limits import grant, limits_of
from service_kit.http.server import serve
from service_kit.http.streams import StreamSlots
from service_kit.lifecycle import Resource
from service_kit.logs import configure_logging
from service_kit.settings import load_settings

from gateway.application.ports import Upstream
from gateway.application.relay import Relay
from gateway.infrastructure.upstreams import HttpUpstream
from gateway.interface.dead_letters import DEAD_LETTER_OPERATIONS
from gateway.interface.document import document_of
from gateway.interface.documentation import documentation_routes
from gateway.interface.notifications import notification_operations
from gateway.interface.problems import PROBLEMS
from gateway.interface.relaying import relay_router
from gateway.interface.users import USER_OPERATIONS
from gateway.settings import Settings

SERVICE: Final = "gateway"


def build(
    settings: Settings,
    *,
    publisher: Upstream | None = None,
    users: Upstream | None = None,
    max_streams: int | None = None,
) -> FastAPI:
    """Put the gateway together, in front of the services of the settings or of those given.

    `max_streams` is what is granted of the setting by that name.
    """
    clients: list[Resource] = []

    def upstream(name: str, url: str) -> Upstream:
        client = UpstreamClient(
            url,
            timeout=settings.upstream_timeout,
            connect_timeout=settings.upstream_connect_timeout,
            max_connections=settings.upstream_max_connections,
        )
        clients.append(client)
        return HttpUpstream(name=name, http=client, timeout=settings.upstream_timeout)

    publisher = publisher or upstream("notification-publisher", settings.publisher_url)
    users = users or upstream("user-service", settings.user_service_url)
    to_publisher, to_users = Relay(upstream=publisher), Relay(upstream=users)
    slots = StreamSlots(settings.max_streams if max_streams is None else max_streams)
    app = build_app(
        service=SERVICE,
        title="AsyncNotify",
        version=version(SERVICE),
        routers=[
            relay_router(
                "notifications", notification_operations(datetime.now(UTC)), to_publisher, slots
            ),
            relay_router("dead letters", DEAD_LETTER_OPERATIONS, to_publisher, slots),
            relay_router("users", USER_OPERATIONS, to_users, slots),
            documentation_routes(),
        ],
        problems=PROBLEMS,
        checks={"notification-publisher": publisher.check, "user-service": users.check},
        resources=clients,
        admission=Admission(
            max_body_bytes=settings.max_body_bytes,
            access=access_of(settings, service=SERVICE, listens_on=settings.gateway_host),
            for_operators=("/dead-letters", "/notifications/forget"),
        ),
    )
    app.openapi = partial(_document, app)  # type: ignore[method-assign]  # FastAPI's documented way
    return app


def _document(app: FastAPI) -> dict[str, object]:
    if app.openapi_schema is None:
        app.openapi_schema = document_of(app)
    return app.openapi_schema


def run() -> None:
    """Run the gateway until it is told to stop."""
    settings = load_settings(Settings)
    configure_logging(SERVICE, format=settings.log_format, level=settings.log_level)
    limits = grant(
        limits_of(settings, streams=settings.max_streams),
        service=SERVICE,
        upstream=2 * settings.upstream_max_connections,
        per_stream=1,
    )
    serve(
        partial(build, settings, max_streams=limits.streams),
        host=settings.gateway_host,
        port=settings.gateway_port,
        service=SERVICE,
        limits=limits,
    )
