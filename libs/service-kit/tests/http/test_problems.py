import json
from datetime import timedelta

import pytest
from fastapi import APIRouter, FastAPI, Query, Response
from service_kit.http.app import build_app
from service_kit.http.fields import FieldError
from service_kit.http.problems import (
    INVALID_REQUEST,
    NOT_FOUND,
    UNAVAILABLE,
    Problem,
    ProblemError,
    http_problem,
    install_problems,
    problem_response,
)
from starlette.exceptions import HTTPException
from testkit.http import asgi_client


class Refused(Exception):
    trace_id = "t1"


class RefusedForGood(Refused):
    pass


class BrokerDown(Exception):
    pass


TABLE = {
    Refused: Problem(409, "refused", "Refused"),
    BrokerDown: Problem(503, "broker_down", "Try again later", timedelta(seconds=1.2)),
}
ERRORS = {
    "refused": Refused("not while it is in progress"),
    "for-good": RefusedForGood("never"),
    "down": BrokerDown("10.0.0.7:6379 refused"),
    "problem": ProblemError(
        UNAVAILABLE, "come back", trace_id="t2", headers=[("X-Reason", "load")]
    ),
    "teapot": HTTPException(418),
    "gone": HTTPException(410, "moved out", {"X-Reason": "rent"}),
    "odd": HTTPException(499),
    "unmodified": HTTPException(304),
    "bug": RuntimeError("password=hush"),
}


@pytest.fixture
def app() -> FastAPI:
    router = APIRouter()

    @router.get("/raise/{name}")
    async def fail(name: str) -> Response:
        raise ERRORS[name]

    @router.get("/items")
    async def items(limit: int = Query(ge=1, le=100)) -> Response:
        return Response(str(limit))

    @router.post("/items")
    async def add() -> Response:
        return Response("added")

    @router.delete("/items/{item_id}")
    async def remove(item_id: str) -> Response:
        return Response(item_id)

    return build_app(service="kit", title="Kit", routers=[router], problems=TABLE, checks={})


async def test_a_mapped_error_is_answered_with_its_problem(app):
    async with asgi_client(app) as client:
        answer = await client.get("/raise/refused", headers={"X-Request-ID": "r1"})

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:asyncnotify:problem:refused",
        "title": "Refused",
        "status": 409,
        "code": "refused",
        "detail": "not while it is in progress",
        "trace_id": "t1",
        "request_id": "r1",
    }


async def test_a_subclass_is_mapped_like_its_parent(app):
    async with asgi_client(app) as client:
        assert (await client.get("/raise/for-good")).json()["code"] == "refused"


async def test_a_mapped_server_error_tells_the_log_why_and_the_client_when(app, logged):
    async with asgi_client(app) as client:
        answer = await client.get("/raise/down")

    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert "10.0.0.7" not in answer.text
    [line] = [line for line in logged() if line["event"] == "request.failed"]
    assert (line["code"], line["error"]) == ("broker_down", "10.0.0.7:6379 refused")


async def test_a_problem_can_be_raised_anywhere(app):
    async with asgi_client(app) as client:
        answer = await client.get("/raise/problem")

    assert (answer.status_code, answer.headers["x-reason"]) == (503, "load")
    assert (answer.json()["detail"], answer.json()["trace_id"]) == ("come back", "t2")


async def test_a_crash_is_an_opaque_500_logged_once_with_its_traceback(app, logged):
    async with asgi_client(app) as client:
        answer = await client.get("/raise/bug", headers={"X-Request-ID": "r1"})

    assert answer.status_code == 500
    assert (answer.json()["code"], answer.json()["request_id"]) == ("internal_error", "r1")
    assert "hush" not in answer.text
    [line] = [line for line in logged() if "exception" in line]
    assert (line["event"], line["request_id"]) == ("request.crashed", "r1")
    assert line["exception"].endswith("RuntimeError: password=hush")


@pytest.mark.parametrize(
    ("name", "status", "code", "detail"),
    [
        ("teapot", 418, "i_m_a_teapot", "I'm a Teapot."),
        ("gone", 410, "gone", "moved out"),
        ("odd", 499, "error", "Error."),
    ],
)
async def test_bare_http_errors_become_problems(app, name, status, code, detail):
    async with asgi_client(app) as client:
        answer = await client.get(f"/raise/{name}")

    document = answer.json()
    assert (answer.status_code, document["code"], document["detail"]) == (status, code, detail)


async def test_headers_of_an_http_error_are_kept(app):
    async with asgi_client(app) as client:
        assert (await client.get("/raise/gone")).headers["x-reason"] == "rent"


async def test_an_error_whose_status_has_no_body_has_none(app):
    async with asgi_client(app) as client:
        answer = await client.get("/raise/unmodified")

    assert (answer.status_code, answer.content) == (304, b"")


async def test_an_unknown_route_is_not_found(app):
    async with asgi_client(app) as client:
        answer = await client.get("/nowhere")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_a_trailing_slash_is_answered_not_redirected(app):
    async with asgi_client(app) as client:
        with_slash, without = await client.get("/items/"), await client.get("/items")

    assert with_slash.status_code == without.status_code != 404
    assert with_slash.json()["errors"] == without.json()["errors"]


async def test_a_wrong_method_is_told_all_that_are_allowed(app):
    async with asgi_client(app) as client:
        answer = await client.put("/items")

    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"


async def test_options_lists_the_methods_of_a_path(app):
    async with asgi_client(app) as client:
        answer = await client.options("/items/7")

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["allow"] == "DELETE, OPTIONS"


async def test_options_of_an_unknown_path_is_not_found(app):
    async with asgi_client(app) as client:
        assert (await client.options("/nowhere")).status_code == 404


async def test_invalid_parameters_are_named_by_where_they_are(app):
    async with asgi_client(app) as client:
        answer = await client.get("/items?limit=many")

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    [error] = answer.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/query/limit", "wrong_type")
    assert "many" not in answer.text


async def test_without_the_middleware_a_crash_is_opaque_too():
    app = FastAPI()
    install_problems(app, {})

    @app.get("/bug")
    async def bug() -> Response:
        raise RuntimeError("password=hush")

    async with asgi_client(app) as client:
        answer = await client.get("/bug")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "hush" not in answer.text


def test_members_without_a_value_are_left_out():
    assert b"trace_id" not in problem_response(NOT_FOUND).body


def test_no_document_lacks_a_detail():
    bare = Problem(409, "taken", "It is taken")

    assert json.loads(bytes(problem_response(bare).body))["detail"] == "It is taken."
    assert json.loads(bytes(problem_response(bare, detail="by Ada").body))["detail"] == "by Ada"


def test_more_members_can_be_added():
    response = problem_response(NOT_FOUND, extra={"checks": {"queue": "down"}})

    assert b'"checks": {"queue": "down"}' in response.body


def test_a_lone_surrogate_can_be_complained_about():
    errors = [FieldError(pointer="/\ud800", code="unknown_field", message="Not known")]

    assert b"\\ud800" in problem_response(INVALID_REQUEST, errors=errors).body


def test_the_problem_of_a_status_is_the_common_one():
    assert http_problem(404) is NOT_FOUND
