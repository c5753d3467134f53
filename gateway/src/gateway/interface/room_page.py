"""The control room: static files of this package, which are a client of the public API."""

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from fastapi import APIRouter
from notification_contracts.http.scopes import NEEDS_NO_KEY
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

_ROOM: Final = files("gateway") / "pages" / "room"
_MEDIA_TYPES: Final = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "svg": "image/svg+xml",
}
_PAGE: Final = "index.html"
# It shows what a person was sent: nothing of that runs or is loaded, only its styles count.
_MESSAGE_FRAME: Final = "message.html"
_CONTENT_SECURITY: Final = (
    "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; "
    "object-src 'none'; require-trusted-types-for 'script'"
)
_FRAME_SECURITY: Final = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src data:; "
    "frame-ancestors 'self'; base-uri 'none'; form-action 'none'; sandbox allow-same-origin"
)
_HEADERS: Final = {
    "Cache-Control": "no-cache",
    "Cross-Origin-Opener-Policy": "same-origin",
    # Chromium looks up the names in a page's links, and in those of a message that is shown.
    "X-DNS-Prefetch-Control": "off",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


@dataclass(frozen=True, slots=True)
class _File:
    content: bytes
    media_type: str
    etag: str
    content_security: str

    def answer(self, request: Request) -> Response:
        headers = {
            **_HEADERS,
            "ETag": self.etag,
            "Content-Security-Policy": self.content_security,
        }
        if self.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(self.content, media_type=self.media_type, headers=headers)


def room_routes() -> APIRouter:
    """Make the routes of the page at `/` and of the files below `/room/` that it consists of."""
    router = APIRouter(include_in_schema=False)
    found = dict(_files_below(_ROOM))

    @router.get("/", openapi_extra=NEEDS_NO_KEY)
    def get_control_room(request: Request) -> Response:
        return found[_PAGE].answer(request)

    @router.get("/room/{path:path}", openapi_extra=NEEDS_NO_KEY)
    def get_room_file(path: str, request: Request) -> Response:
        if path not in found:
            raise HTTPException(404)
        return found[path].answer(request)

    return router


def _files_below(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, _File]]:
    for each in folder.iterdir():
        if each.is_dir():
            yield from _files_below(each, f"{prefix}{each.name}/")
        elif (ending := each.name.rpartition(".")[2]) in _MEDIA_TYPES:
            content = each.read_bytes()
            is_frame = prefix + each.name == _MESSAGE_FRAME
            yield (
                prefix + each.name,
                _File(
                    content=content,
                    media_type=_MEDIA_TYPES[ending],
                    etag=f'"{sha256(content).hexdigest()[:32]}"',
                    content_security=_FRAME_SECURITY if is_frame else _CONTENT_SECURITY,
                ),
            )
