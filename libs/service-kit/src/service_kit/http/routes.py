"""A route for the few calls whose price matters."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Receive, Scope, Send

LeanHandler = Callable[[Request], Awaitable[Response]]


class LeanRoute(APIRoute):
    """A route whose handler gets the bare request: `async def handler(request) -> Response`.

    It is in the OpenAPI document like any other, with the schemas of its body and parameters given
    as `openapi_extra`, but skips the framework's parameters, dependencies and exit stacks, which
    cost more than parsing and answering a small POST does. Use `APIRouter(route_class=LeanRoute)`.
    """

    def __init__(self, path: str, endpoint: LeanHandler, **options: Any) -> None:  # noqa: ANN401 - the framework's own
        super().__init__(path, endpoint, **options)
        self.app = _answering(endpoint)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Give the handler itself; asked for when a router is included in another one."""

        async def handle(request: Request) -> Response:
            response: Response = await self.endpoint(request)
            return response

        return handle


class RelayRoute(LeanRoute):
    """A lean route whose query is judged elsewhere: by whom it is passed on to."""


def _answering(endpoint: LeanHandler) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        response = await endpoint(Request(scope, receive, send))
        await response(scope, receive, send)

    return app
