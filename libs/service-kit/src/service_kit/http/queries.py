"""Queries: a parameter that a call doesn't know is refused, since to ignore it is to lie.

`GET /users?limt=1` would list everyone, unnoticed.
"""

from collections import Counter
from collections.abc import Mapping
from urllib.parse import parse_qsl

from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_params_to_args
from fastapi.routing import APIRoute
from starlette.datastructures import QueryParams
from starlette.types import ASGIApp, Receive, Scope, Send

from service_kit.http.fields import as_field_errors
from service_kit.http.problems import INVALID_REQUEST, ProblemError


class StrictQuery:
    """ASGI wrapper of a route: answers 422 to parameters that it doesn't know, or are repeated.

    Those that it knows are checked along with them, so that all faults of a query are named at
    once.
    """

    def __init__(self, app: ASGIApp, route: APIRoute) -> None:
        self._app = app
        self._known = _query_params(route.dependant)
        documented = (route.openapi_extra or {}).get("parameters", ())
        self._names = {parameter.alias for parameter in self._known} | {
            parameter["name"] for parameter in documented if parameter["in"] == "query"
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["query_string"]:
            self._check(scope["query_string"].decode("latin-1"))
        await self._app(scope, receive, send)

    def _check(self, query: str) -> None:
        counts = Counter(name for name, _ in parse_qsl(query, keep_blank_values=True))
        faults: list[Mapping[str, object]] = [
            _fault(name, "unknown_parameter", "is not a parameter of this call")
            if name not in self._names
            else _fault(name, "repeated", "must be given once")
            for name, count in counts.items()
            if name not in self._names or count > 1
        ]
        if faults:
            _, others = request_params_to_args(self._known, QueryParams(query))
            raise ProblemError(INVALID_REQUEST, errors=as_field_errors([*faults, *others]))


def _query_params(dependant: Dependant) -> list[ModelField]:
    own = list(dependant.query_params)
    return own + [each for inner in dependant.dependencies for each in _query_params(inner)]


def _fault(name: str, code: str, message: str) -> Mapping[str, object]:
    return {"loc": ("query", name), "type": code, "msg": message}
