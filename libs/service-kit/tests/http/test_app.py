import asyncio
from datetime import timedelta

import pytest
from fastapi import APIRouter, FastAPI, Response
from prometheus_client import Counter
from service_kit.http import health
from service_kit.http.app import build_app
from service_kit.metrics import new_registry
from testkit.http import asgi_client


class Door:
    """A resource that writes down when it is opened and closed."""

    def __init__(self, name: str, diary: list[str], *, fails_to: str = "") -> None:
        self._name = name
        self._diary = diary
        self._fails_to = fails_to

    async def start(self) -> None:
        self._diary.append(f"start {self._name}")
        if self._fails_to == "start":
            raise RuntimeError("stuck")

    async def stop(self) -> None:
        await asyncio.sleep(0)
        self._diary.append(f"stop {self._name}")
        if self._fails_to == "stop":
            raise RuntimeError("stuck")


def app_with(**parts) -> FastAPI:
    return build_app(
        **{"service": "kit", "title": "Kit", "routers": [], "problems": {}, "checks": {}, **parts}
    )


async def test_resources_start_in_order_and_stop_in_reverse():
    diary: list[str] = []
    app = app_with(resources=[Door("a", diary), Door("b", diary)])

    async with asgi_client(app):
        assert diary == ["start a", "start b"]

    assert diary[2:] == ["stop b", "stop a"]


async def test_what_was_started_is_stopped_if_a_later_one_does_not_start(logged):
    diary: list[str] = []
    app = app_with(
        resources=[Door("a", diary), Door("b", diary, fails_to="start"), Door("c", diary)]
    )

    with pytest.raises(RuntimeError, match="stuck"):
        async with asgi_client(app):
            pass

    assert diary == ["start a", "start b", "stop b", "stop a"]
    [line] = logged()
    assert (line["event"], line["resource"], line["error"]) == (
        "service.start_failed",
        "Door",
        "stuck",
    )


async def test_one_that_does_not_stop_does_not_keep_the_others_open(logged):
    diary: list[str] = []
    app = app_with(resources=[Door("a", diary), Door("b", diary, fails_to="stop")])

    async with asgi_client(app):
        pass

    assert diary[-1] == "stop a"
    assert [line["event"] for line in logged()] == ["resource.stop_failed"]


async def test_resources_are_stopped_even_if_the_stop_is_cancelled():
    diary: list[str] = []
    app = app_with(resources=[Door("a", diary), Door("b", diary)])
    entered = asyncio.Event()

    async def live() -> None:
        async with app.router.lifespan_context(app):
            entered.set()
            await asyncio.sleep(3600)

    living = asyncio.create_task(live())
    await entered.wait()
    living.cancel()
    await asyncio.sleep(0)
    living.cancel()
    await asyncio.wait({living})
    await asyncio.sleep(0.01)

    assert diary[2:] == ["stop b", "stop a"]


async def test_stopping_is_set_when_the_app_stops_and_not_before():
    app = app_with()

    async with asgi_client(app):
        assert not app.state.stopping.is_set()

    assert app.state.stopping.is_set()


async def test_a_live_process_says_so():
    async with asgi_client(app_with()) as client:
        assert (await client.get("/health/live")).json() == {"status": "ok"}


async def test_ready_shows_the_details_of_each_check():
    async def queue() -> dict[str, str]:
        return {"profile": "everysec"}

    async def upstream() -> None:
        return None

    async with asgi_client(app_with(checks={"queue": queue, "upstream": upstream})) as client:
        answer = await client.get("/health/ready")

    assert answer.status_code == 200
    assert answer.json()["status"] == "ready"
    assert answer.json()["checks"] == {
        "queue": {"status": "ok", "profile": "everysec"},
        "upstream": {"status": "ok"},
    }


async def test_a_failing_check_makes_it_not_ready_and_says_why(logged):
    async def queue() -> None:
        raise ConnectionRefusedError("nobody there")

    async def upstream() -> None:
        return None

    async with asgi_client(app_with(checks={"queue": queue, "upstream": upstream})) as client:
        answer = await client.get("/health/ready")

    document = answer.json()
    assert (answer.status_code, document["code"]) == (503, "not_ready")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "1"
    assert document["detail"] == "failing: queue"
    assert document["checks"] == {
        "queue": {"status": "failed", "error": "ConnectionRefusedError: nobody there"},
        "upstream": {"status": "ok"},
    }
    assert [line["check"] for line in logged() if line["event"] == "check.failed"] == ["queue"]


async def test_checks_run_at_once_and_hanging_ones_are_given_up(monkeypatch):
    monkeypatch.setattr(health, "CHECK_TIMEOUT", timedelta(seconds=0.05))
    running, most_at_once = 0, 0

    async def hang() -> None:
        nonlocal running, most_at_once
        running += 1
        most_at_once = max(running, most_at_once)
        try:
            await asyncio.sleep(3600)
        finally:
            running -= 1

    async with asgi_client(app_with(checks={"a": hang, "b": hang, "c": hang})) as client:
        answer = await client.get("/health/ready")

    assert (most_at_once, running) == (3, 0)
    assert answer.json()["checks"]["b"] == {"status": "failed", "error": "no answer within 0.05 s"}


async def test_metrics_are_those_of_the_given_registry():
    registry = new_registry()
    Counter("things", "Things done.", registry=registry).inc()
    app = app_with(registry=registry)

    async with asgi_client(app) as client:
        assert "things_total 1.0" in (await client.get("/metrics")).text
    assert app.state.registry is registry


async def test_two_apps_in_one_process_count_apart():
    one, other = app_with(), app_with()

    async with asgi_client(one) as client:
        await client.get("/health/live")
    async with asgi_client(other) as client:
        assert "http_requests_total{" not in (await client.get("/metrics")).text


async def test_documents_are_served_only_if_asked_for():
    async with asgi_client(app_with()) as client:
        assert (await client.get("/openapi.json")).status_code == 404
        assert (await client.get("/docs")).status_code == 404


async def test_the_document_has_the_routes_of_every_router():
    inner, outer = APIRouter(prefix="/inner"), APIRouter(prefix="/outer")

    @inner.get("/thing")
    async def thing() -> Response:
        return Response("inner thing")

    outer.include_router(inner)
    app = app_with(routers=[outer], docs=True)
    async with asgi_client(app) as client:
        paths = (await client.get("/openapi.json")).json()["paths"]
        assert (await client.get("/outer/inner/thing")).text == "inner thing"
        text = (await client.get("/metrics")).text

    assert {"/outer/inner/thing", "/health/live", "/health/ready", "/metrics"} <= set(paths)
    assert 'route="/outer/inner/thing"' in text
