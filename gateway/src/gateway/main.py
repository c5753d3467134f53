"""Puts the gateway together, and runs it."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from fastapi import APIRouter, FastAPI
from notification_contracts.http.operations import OPERATOR_PATHS
from service_kit.epoch import utc_now
from service_kit.http.access import access_of
from service_kit.http.admission import Admission
from service_kit.http.app import build_app
from service_kit.http.client import UpstreamClient
from service_kit.http.hot import HotCall
from service_kit.http.internal_token import internal_headers
from service_kit.http.limits import grant, limits_of
from service_kit.http.problems import ProblemTable
from service_kit.http.server import serve
from service_kit.http.streams import StreamSlots
from service_kit.logs import configure_logging
from service_kit.settings import load_settings

from gateway.application.ports import KeyStore
from gateway.document import Call, document_text, relayed_calls
from gateway.interface.audit import audit_routes
from gateway.interface.docs_page import docs_routes
from gateway.interface.hot_door import guard_hot
from gateway.interface.keys import key_routes
from gateway.interface.lock import lock
from gateway.interface.problems import PROBLEMS as KEY_PROBLEMS
from gateway.interface.room_page import room_routes
from gateway.interface.sessions import session_routes
from gateway.keys import KeyParts, open_keys
from gateway.relay.headers import SECURITY_HEADERS
from gateway.relay.hot import HOT_CALL, LEFT_TO_ROUTE, hot_relay
from gateway.relay.problems import PROBLEMS as RELAY_PROBLEMS
from gateway.relay.routes import relay_routes
from gateway.relay.service import Service
from gateway.settings import GatewaySettings

SERVICE: Final = "gateway"
PROBLEMS: Final[ProblemTable] = {**RELAY_PROBLEMS, **KEY_PROBLEMS}
# Without a dispatcher notifications are still taken, and wait: the gateway stays ready.
NEEDED: Final = ("notification-publisher", "user-service")
# Operators' calls and receipts are few and short, and a gateway may have no more than 1,024 files.
TO_OTHERS: Final = 32


def build(
    settings: GatewaySettings, *, max_streams: int | None = None, store: KeyStore | None = None
) -> FastAPI:
    """Put the gateway together, in front of the services of the settings.

    `max_streams` is what is granted of the setting by that name. Keys are kept in the database of
    the settings, or in `store`.
    """
    clients = _clients(settings)
    services = {
        name: Service(name=name, http=client, timeout=settings.upstream_timeout)
        for name, client in clients.items()
    }
    document = document_text()
    calls = relayed_calls(document)
    keys = open_keys(settings, store=store)
    slots = StreamSlots(settings.max_streams if max_streams is None else max_streams)
    app = build_app(
        service=SERVICE,
        title="AsyncNotify",
        routers=[
            relay_routes(calls, services, slots, keys.needed, keys.limits),
            *own_routes(document, keys),
        ],
        problems=PROBLEMS,
        answer_headers=SECURITY_HEADERS,
        checks={**{name: services[name].check for name in NEEDED}, **keys.checks},
        resources=[*keys.resources, *clients.values()],
        admission=Admission(
            max_body_bytes=settings.max_body_bytes,
            access=access_of(settings, service=SERVICE, listens_on=settings.gateway_host),
            for_operators=(*OPERATOR_PATHS, "/keys", "/session", "/audit"),
        ),
        hot_calls=_hot_calls(calls, services, keys),
    )
    lock(
        app.routes,
        door=keys.door,
        limits=keys.limits,
        trail=keys.trail,
        problems=PROBLEMS,
        now=utc_now,
    )
    return app


def own_routes(document: str, keys: KeyParts) -> list[APIRouter]:
    """Make the routes of what the gateway answers itself."""
    return [
        key_routes(keys.manage, utc_now),
        session_routes(keys.sessions, keys.door),
        audit_routes(keys.trail),
        docs_routes(document),
        room_routes(),
    ]


def _hot_calls(
    calls: Sequence[Call], services: Mapping[str, Service], keys: KeyParts
) -> list[HotCall]:
    return [
        HotCall(
            path=call.path,
            handle=guard_hot(
                hot_relay(call, services[call.service], keys.limits),
                keys.door,
                keys.limits,
                call.scope,
            ),
            unless=LEFT_TO_ROUTE,
        )
        for call in calls
        if (call.method, call.path) == HOT_CALL and call.scope is not None
    ]


def _clients(settings: GatewaySettings) -> dict[str, UpstreamClient]:
    urls = {
        "notification-publisher": settings.publisher_url,
        "notification-dispatcher": settings.dispatcher_url,
        "user-service": settings.user_service_url,
    }
    return {
        name: _client_of(url, settings, max_connections=_connections(name, settings))
        for name, url in urls.items()
    }


def _connections(name: str, settings: GatewaySettings) -> int:
    most = settings.upstream_max_connections
    return most if name in NEEDED else min(most, TO_OTHERS)


def _client_of(url: str, settings: GatewaySettings, *, max_connections: int) -> UpstreamClient:
    return UpstreamClient(
        url,
        headers=internal_headers(settings),
        timeout=settings.upstream_timeout,
        connect_timeout=settings.upstream_connect_timeout,
        max_connections=max_connections,
    )


def run() -> None:
    """Run the gateway until it is told to stop."""
    settings = load_settings(GatewaySettings)
    configure_logging(SERVICE, format=settings.log_format, level=settings.log_level)
    limits = grant(
        limits_of(settings, streams=settings.max_streams),
        service=SERVICE,
        upstream=len(NEEDED) * settings.upstream_max_connections + TO_OTHERS,
        per_stream=1,
    )
    serve(
        partial(build, settings, max_streams=limits.streams),
        host=settings.gateway_host,
        port=settings.gateway_port,
        service=SERVICE,
        limits=limits,
        workers=settings.gateway_workers,
    )
