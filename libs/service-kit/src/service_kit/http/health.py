"""Health and metrics routes: is it alive, can it do its work, and how much has it done."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CollectorRegistry
from pydantic import BaseModel

from service_kit.http.openapi_parts import answer, refusals
from service_kit.http.problems import Problem, problem_response
from service_kit.http.requests import request_id_of
from service_kit.http.worker_group import WorkerGroup
from service_kit.logs import get_logger
from service_kit.metrics import exposition

log = get_logger(__name__)

Check = Callable[[], Awaitable[Mapping[str, str] | None]]
"""Exercises one thing that the service needs. Returns details worth showing; raises if it fails."""

CHECK_TIMEOUT = timedelta(seconds=2)
NOT_READY = Problem(
    503, "not_ready", "Not ready", timedelta(seconds=1), detail="`checks` says what fails."
)
_MAX_ERROR_CHARS = 200


class Liveness(BaseModel):
    """The process runs and its event loop turns."""

    status: Literal["ok"]


class Readiness(BaseModel):
    """Everything that the service needs works; `checks` has details of each."""

    status: Literal["ready"]
    checks: dict[str, dict[str, str]]


def health_router(checks: Mapping[str, Check], registry: CollectorRegistry) -> APIRouter:
    """Build `/health/live`, `/health/ready` and `/metrics`."""
    router = APIRouter(tags=["health"], default_response_class=Response)

    @router.get("/health/live", summary="Liveness", responses=answer(200, "It is.", Liveness))
    async def get_liveness() -> Response:
        """Answer as long as the process is alive."""
        return JSONResponse({"status": "ok"})

    @router.get(
        "/health/ready",
        summary="Readiness",
        responses=answer(200, "It can.", Readiness) | refusals(NOT_READY),
    )
    async def get_readiness(request: Request) -> Response:
        """Exercise what the service needs to do its work, each within two seconds."""
        workers: WorkerGroup | None = request.app.state.workers
        results = await _run_all(
            checks if workers is None else {**checks, "workers": workers.check}
        )
        if all(result["status"] == "ok" for result in results.values()):
            return JSONResponse({"status": "ready", "checks": results})
        failed = ", ".join(name for name, result in results.items() if result["status"] != "ok")
        return problem_response(
            NOT_READY,
            detail=f"failing: {failed}",
            request_id=request_id_of(request),
            extra={"checks": results},
        )

    @router.get(
        "/metrics",
        summary="Metrics",
        responses={200: {"description": "The metrics.", "content": {"text/plain": {}}}},
    )
    async def get_metrics(request: Request) -> Response:
        """Give all metrics in the Prometheus text format."""
        workers: WorkerGroup | None = request.app.state.workers
        counted = registry if workers is None else await workers.metrics(registry)
        body, content_type = exposition(counted, request.headers.get("accept", ""))
        return Response(body, headers={"Content-Type": content_type})

    return router


async def _run_all(checks: Mapping[str, Check]) -> dict[str, dict[str, str]]:
    results = await asyncio.gather(*(_run(name, check) for name, check in checks.items()))
    return dict(zip(checks, results, strict=True))


async def _run(name: str, check: Check) -> dict[str, str]:
    try:
        async with asyncio.timeout(CHECK_TIMEOUT.total_seconds()):
            details = await check()
    except TimeoutError:
        why = f"no answer within {CHECK_TIMEOUT.total_seconds():g} s"
    except Exception as error:  # noqa: BLE001 - whatever fails, the service is not ready
        why = f"{type(error).__name__}: {error}"[:_MAX_ERROR_CHARS]
    else:
        return {"status": "ok", **(details or {})}
    log.warning("check.failed", check=name, error=why)
    return {"status": "failed", "error": why}
