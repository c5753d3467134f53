import pytest
from fastapi import APIRouter, FastAPI, Request, Response
from service_kit.http.app import build_app
from service_kit.http.bodies import read_body
from service_kit.http.problems import NOT_FOUND, ProblemError
from service_kit.http.routes import LeanRoute
from testkit.http import asgi_client

BODY = {"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}}


@pytest.fixture
def router() -> APIRouter:
    router = APIRouter(route_class=LeanRoute)

    @router.post("/things/{thing_id}", status_code=202, openapi_extra=BODY)
    async def post(request: Request) -> Response:
        """Do a thing."""
        if request.path_params["thing_id"] == "none":
            raise ProblemError(NOT_FOUND)
        return Response(await read_body(request), 202)

    return router


def app_of(router: APIRouter) -> FastAPI:
    return build_app(
        service="kit", title="Kit", routers=[router], problems={}, checks={}, docs=True
    )


async def test_a_lean_handler_gets_the_bare_request(router):
    async with asgi_client(app_of(router)) as client:
        answer = await client.post("/things/t1", content=b"x")

    assert (answer.status_code, answer.content) == (202, b"x")


async def test_problems_are_answered_as_anywhere(router):
    async with asgi_client(app_of(router)) as client:
        assert (await client.post("/things/none")).json()["code"] == "not_found"


async def test_other_methods_are_not_allowed(router):
    async with asgi_client(app_of(router)) as client:
        answer = await client.get("/things/t1")

    assert (answer.status_code, answer.headers["allow"]) == (405, "OPTIONS, POST")


async def test_a_lean_route_is_documented(router):
    operation = app_of(router).openapi()["paths"]["/things/{thing_id}"]["post"]

    assert operation["description"] == "Do a thing."
    assert operation["requestBody"] == BODY["requestBody"]
    assert "202" in operation["responses"]


async def test_a_lean_route_works_inside_another_router(router):
    outer = APIRouter(prefix="/outer")
    outer.include_router(router)

    async with asgi_client(app_of(outer)) as client:
        answer = await client.post("/outer/things/t1", content=b"x")

    assert (answer.status_code, answer.content) == (202, b"x")


async def test_an_address_in_a_path_is_not_logged(router, logged):
    @router.delete("/lists/{address}")
    async def remove(request: Request) -> Response:
        return Response(status_code=204)

    async with asgi_client(app_of(router)) as client:
        await client.delete("/lists/ada%40example.org")

    assert "/lists/{address}" in str(logged())
    assert "ada" not in str(logged())
