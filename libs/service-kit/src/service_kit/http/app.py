"""The application: routes, problems, health, metrics, and resources that live as long."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig
from prometheus_client import CollectorRegistry
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute

from service_kit.http.access import Access
from service_kit.http.admission import Admission
from service_kit.http.exchange import Headers
from service_kit.http.health import Check, health_router
from service_kit.http.hot import HotCall, HotCalls
from service_kit.http.openapi_document import document_of
from service_kit.http.openapi_parts import JsonObject, with_times
from service_kit.http.paths import SegmentPaths
from service_kit.http.problems import ProblemTable, install_problems
from service_kit.http.queries import StrictQuery
from service_kit.http.requests import RequestContext
from service_kit.http.routes import RelayRoute
from service_kit.lifecycle import Resource, Stopping
from service_kit.logs import get_logger
from service_kit.metrics import HttpMetrics, new_registry

__all__ = ["Check", "build_app"]

log = get_logger(__name__)

# Nothing exports it yet, and asking for its providers costs a tenth of a small POST.
NO_TELEMETRY: Final[TelemetryConfig] = {"tracing": False, "metrics": False, "logs": False}


def build_app(  # noqa: PLR0913 - the one place where a service is put together
    *,
    service: str,
    title: str,
    routers: Sequence[APIRouter],
    problems: ProblemTable,
    checks: Mapping[str, Check],
    resources: Sequence[Resource] = (),
    admission: Admission | None = None,
    docs: bool = False,
    version: str = "0.1.0",
    registry: CollectorRegistry | None = None,
    stopping: Stopping | None = None,
    answer_headers: Headers = (),
    hot_calls: Sequence[HotCall] = (),
) -> FastAPI:
    """Put a service together.

    `resources` are started in order and stopped in reverse. `admission` says what is refused
    before anything here runs; without it nothing is. `docs` serves `/docs` and `/openapi.json`.
    `registry` is served as `/metrics`, and is `app.state.registry`.
    `stopping`, which is `app.state.stopping`, is set as soon as the process has to stop:
    answers without an end must end then, since the server waits for them before it stops the
    resources. Event streams are ended by the kit. `answer_headers` are on every answer.
    `hot_calls` are served before any of this, if they are plain; `app.state.hot_calls` has them for
    the server.
    """
    registry = registry or new_registry()
    metrics, admission = HttpMetrics(registry, service), admission or Admission()
    stopping = stopping or Stopping()
    app = _DescribedApp(
        title=title,
        version=version,
        routes=_routes_of(*routers, health_router(checks, registry)),
        lifespan=_lifespan(resources, stopping),
        middleware=_middleware(admission, metrics, stopping, answer_headers),
        docs_url="/docs" if docs else None,
        openapi_url="/openapi.json" if docs else None,
        redoc_url=None,
        # A redirect would be built from the decoded path and from whatever `Host` says.
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,
    )
    app.state.registry = registry
    app.state.stopping = stopping
    app.state.workers = None
    app.state.hot_calls = HotCalls(hot_calls, admission, metrics, problems, answer_headers)
    install_problems(app, problems)
    return app


class _DescribedApp(FastAPI):
    """An app whose document also has what the kit does for all calls."""

    def openapi(self) -> JsonObject:
        """Return the document, with the times in its examples as of now."""
        if self.openapi_schema is None:
            self.openapi_schema = document_of(self)
        text = json.dumps(self.openapi_schema)
        document: JsonObject = json.loads(with_times(text, datetime.now(UTC)))
        return document


def _middleware(
    admission: Admission, metrics: HttpMetrics, stopping: Stopping, answer_headers: Headers
) -> list[Middleware]:
    context = Middleware(
        RequestContext,
        metrics=metrics,
        admission=admission,
        stopping=stopping,
        answer_headers=answer_headers,
    )
    return [context, *_cross_origin(admission.access), Middleware(SegmentPaths)]


def _cross_origin(access: Access | None) -> list[Middleware]:
    """Let the pages of other origins, if any may ask, read the answers."""
    if access is None or not access.origins:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=sorted(access.origins),
            allow_methods=("GET", "POST", "PUT", "DELETE"),
            allow_headers=("*",),
            expose_headers=(
                *("Location", "Retry-After", "Idempotent-Replayed", "X-Request-ID"),
                *("RateLimit", "RateLimit-Policy"),
            ),
        )
    ]


def _routes_of(*routers: APIRouter) -> list[BaseRoute]:
    """Take the routers' routes directly: an included router is matched three times a request."""
    routes = [route for router in routers for route in router.routes]
    for route in routes:
        if isinstance(route, APIRoute):
            route.operation_id = route.operation_id or route.name
        is_checked = isinstance(getattr(route, "app", None), StrictQuery)
        if isinstance(route, APIRoute) and not isinstance(route, RelayRoute) and not is_checked:
            route.app = StrictQuery(route.app, route)
    return routes


def _lifespan(
    resources: Sequence[Resource], stopping: Stopping
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        opened: list[Resource] = []
        stopping.clear()
        try:
            for resource in resources:
                opened.append(resource)
                await _start(resource)
            yield
        finally:
            stopping.set()
            # Shielded: a caller that gives up waiting must not leave half of them open.
            await asyncio.shield(asyncio.create_task(_stop(opened)))

    return lifespan


async def _start(resource: Resource) -> None:
    try:
        await resource.start()
    except Exception as error:
        # The server prints the traceback; this is the line to look at first.
        log.critical("service.start_failed", resource=type(resource).__name__, error=str(error))
        raise


async def _stop(resources: Sequence[Resource]) -> None:
    for resource in reversed(resources):
        try:
            await resource.stop()
        except Exception:
            log.exception("resource.stop_failed", resource=type(resource).__name__)
