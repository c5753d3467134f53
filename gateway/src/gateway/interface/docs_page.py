"""The OpenAPI document, and Swagger UI from files of our own: the page needs no internet."""

from datetime import UTC, datetime
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from fastapi import APIRouter
from notification_contracts.http.scopes import NEEDS_NO_KEY
from service_kit.http.openapi_parts import JSON, with_times
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

_PAGES: Final = files("gateway") / "pages"
_SWAGGER_UI: Final = files("fastapi_offline") / "static"
_ASSETS: Final[dict[str, tuple[Traversable, str]]] = {
    "icon.svg": (_PAGES, "image/svg+xml"),
    "swagger.js": (_PAGES, "text/javascript"),
    "swagger-ui.css": (_SWAGGER_UI, "text/css"),
    "swagger-ui-bundle.js": (_SWAGGER_UI, "text/javascript"),
}
# The browser itself sees to it that nothing comes from elsewhere.
_CONTENT_SECURITY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)


def docs_routes(document: str) -> APIRouter:
    """Make the routes of the document, given as text, and of the page that shows it."""
    router = APIRouter(tags=["documentation"])

    @router.get(
        "/openapi.json",
        summary="This document",
        response_class=Response,
        responses={200: {"description": "The document.", "content": {JSON: {"schema": {}}}}},
        openapi_extra=NEEDS_NO_KEY,
    )
    async def get_openapi() -> Response:
        """Describes every public call in OpenAPI 3.1."""
        return Response(with_times(document, datetime.now(UTC)), media_type=JSON)

    @router.get(
        "/docs", summary="Swagger UI", response_class=HTMLResponse, openapi_extra=NEEDS_NO_KEY
    )
    def get_docs(request: Request) -> Response:
        """Shows this document, and lets you try every call."""
        if request.scope["raw_path"].endswith(b"/"):
            # The page finds its files beside itself.
            return RedirectResponse("../docs")
        page = (_PAGES / "swagger.html").read_text()
        return HTMLResponse(page, headers={"Content-Security-Policy": _CONTENT_SECURITY})

    @router.get("/docs/{asset}", include_in_schema=False, openapi_extra=NEEDS_NO_KEY)
    def get_docs_asset(asset: str) -> Response:
        if asset not in _ASSETS:
            raise HTTPException(404)
        folder, media_type = _ASSETS[asset]
        return Response(
            (folder / asset).read_bytes(),
            media_type=media_type,
            headers={"Cache-Control": "max-age=3600"},
        )

    return router
