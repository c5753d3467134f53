"""A service with one call that goes either road."""

import asyncio
import json
from datetime import timedelta

import pytest
from fastapi import APIRouter, Request, Response
from service_kit.http.access import Access
from service_kit.http.admission import Admission
from service_kit.http.app import build_app
from service_kit.http.bodies import read_body
from service_kit.http.hot import JSON_HEAD, HotAnswer, HotCall
from service_kit.http.internal_token import InternalToken
from service_kit.http.problems import INVALID_REQUEST, Problem, ProblemError
from service_kit.http.requests import log_also, log_request_as, request_id_of
from service_kit.http.routes import LeanRoute

PATH = "/things"
TOKEN = "a-token-of-the-services"


class Busy(Exception):
    """Raised when the service is busy."""


class Things:
    """What both roads do: it echoes the body, or does what the body says."""

    def __init__(self) -> None:
        self.done: list[bytes] = []
        self.roads: list[str] = []
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def do(self, body: bytes, road: str) -> bytes:
        self.roads.append(road)
        await self.may_go_on.wait()
        self.done.append(body)
        match body:
            case b"busy":
                raise Busy
            case b"refuse":
                raise ProblemError(
                    INVALID_REQUEST, "No.", trace_id="t-1", headers=[("X-Why", "so")]
                )
            case b"crash":
                raise ZeroDivisionError
        return b'{"said":%b}' % json.dumps(body.decode("latin-1")).encode()

    def hot(self, request):
        if request.body == b"not mine":
            return None
        return self._hot(request)

    async def _hot(self, request):
        request.fields["user"] = "u-1"
        said = await self.do(request.body, "hot")
        return HotAnswer(202, said, JSON_HEAD + b"location: /things/1\r\n")

    async def general(self, request: Request) -> Response:
        body = await read_body(request)
        log_also(request.scope, user="u-1")
        said = await self.do(body, "general")
        log_request_as(request, "thing.done")
        assert request_id_of(request)
        headers = {"Location": "/things/1"}
        return Response(said, 202, headers, "application/json")


@pytest.fixture
def things() -> Things:
    return Things()


@pytest.fixture
def app(things):
    router = APIRouter(route_class=LeanRoute)
    router.add_api_route(PATH, things.general, methods=["POST"], summary="Do a thing")
    return build_app(
        service="kit",
        title="Kit",
        routers=[router],
        problems={Busy: Problem(503, "busy", "Try again", timedelta(seconds=2))},
        checks={},
        admission=Admission(
            max_body_bytes=1000,
            access=Access(service="kit", listens_on="127.0.0.1"),
            token=InternalToken(TOKEN),
        ),
        docs=True,
        answer_headers=((b"x-content-type-options", b"nosniff"),),
        hot_calls=[HotCall(path=PATH, handle=things.hot, event="thing.done", unless=(b"prefer",))],
    )
