"""Path segments that may hold anything, a slash too, and still never reach another path."""

from urllib.parse import quote, unquote_to_bytes

from starlette.types import ASGIApp, Receive, Scope, Send

from service_kit.http.problems import Problem, problem_response

INVALID_PATH = Problem(400, "invalid_path", "The path is not valid UTF-8")
_DOTS = {".": "%2E", "..": "%2E%2E"}


def path_segment(value: str) -> str:
    """Percent-encode one segment of a path, for a request to a server that has `SegmentPaths`.

    Raises:
        ValueError: it is empty, or no valid Unicode (lone surrogates): there is no such segment.
    """
    if not value:
        message = "a path segment can't be empty"
        raise ValueError(message)
    return _DOTS.get(value) or quote(value, safe="")


def decode_segment(param: str) -> str:
    """Give the original value of a path parameter that a route has matched."""
    return param.replace("%2F", "/").replace("%25", "%")


class SegmentPaths:
    """ASGI middleware that keeps an encoded slash inside its segment.

    Servers decode the whole path before routing, so that `/users/a%2Fb` looks like `/users/a/b`.
    Here each segment is decoded on its own, then its "%" and "/" are encoded again; a route that
    matches gets the value back with `decode_segment`. Paths without "%" are left alone, but for a
    slash at the end: `/users/` is `/users`. (A redirect would be followed by few, and not with a
    body.)
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its path derived from the raw path."""
        raw: bytes | None = scope.get("raw_path")
        if scope["type"] == "http" and raw and b"%" in raw:
            try:
                scope["path"] = "/".join(map(_keep_inside, raw.split(b"/")))
            except UnicodeDecodeError:
                request_id = scope.get("state", {}).get("request_id")
                await problem_response(INVALID_PATH, request_id=request_id)(scope, receive, send)
                return
        if scope["type"] == "http" and len(scope["path"]) > 1 and scope["path"][-1] == "/":
            scope["path"] = scope["path"][:-1]
        await self._app(scope, receive, send)


def _keep_inside(segment: bytes) -> str:
    return unquote_to_bytes(segment).decode().replace("%", "%25").replace("/", "%2F")
