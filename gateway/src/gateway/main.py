"""Puts the gateway together, and runs it."""

from functools import partial
from typing import Final

from fastapi import FastAPI
from notification_contracts.http.operations import OPERATOR_PATHS
from service_kit.http.access import access_of
from service_kit.http.admission import Admission
from service_kit.http.app import build_app
from service_kit.http.client import UpstreamClient
from service_kit.http.internal_token import internal_headers
from service_kit.http.limits import grant, limits_of
from service_kit.http.server import serve
from service_kit.http.streams import StreamSlots
from service_kit.logs import configure_logging
from service_kit.settings import load_settings

from gateway.document import document_text, relayed_calls
from gateway.interface.docs_page import docs_routes
from gateway.interface.room_page import room_routes
from gateway.relay.headers import SECURITY_HEADERS
from gateway.relay.problems import PROBLEMS
from gateway.relay.routes import relay_routes
from gateway.relay.service import Service
from gateway.settings import GatewaySettings

SERVICE: Final = "gateway"
# Without a dispatcher notifications are still taken, and wait: the gateway stays ready.
NEEDED: Final = ("notification-publisher", "user-service")
# Operators' calls and receipts are few and short, and a gateway may have no more than 1,024 files.
TO_OTHERS: Final = 32


def build(settings: GatewaySettings, *, max_streams: int | None = None) -> FastAPI:
    """Put the gateway together, in front of the services of the settings.

    `max_streams` is what is granted of the setting by that name.
    """
    urls = {
        "notification-publisher": settings.publisher_url,
        "notification-dispatcher": settings.dispatcher_url,
        "user-service": settings.user_service_url,
    }
    clients = {
        name: _client_of(url, settings, max_connections=_connections(name, settings))
        for name, url in urls.items()
    }
    services = {
        name: Service(name=name, http=client, timeout=settings.upstream_timeout)
        for name, client in clients.items()
    }
    document = document_text()
    slots = StreamSlots(settings.max_streams if max_streams is None else max_streams)
    return build_app(
        service=SERVICE,
        title="AsyncNotify",
        routers=[
            relay_routes(relayed_calls(document), services, slots),
            docs_routes(document),
            room_routes(),
        ],
        problems=PROBLEMS,
        answer_headers=SECURITY_HEADERS,
        checks={name: services[name].check for name in NEEDED},
        resources=list(clients.values()),
        admission=Admission(
            max_body_bytes=settings.max_body_bytes,
            access=access_of(settings, service=SERVICE, listens_on=settings.gateway_host),
            for_operators=OPERATOR_PATHS,
        ),
    )


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
    )
