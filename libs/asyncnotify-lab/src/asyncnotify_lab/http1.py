"""HTTP/1.1, by aiohttp."""

import asyncio

from aiohttp import web

from asyncnotify_lab.faults import HangUp
from asyncnotify_lab.http import Request, Router


class Http1:
    """Makes the protocols of connections that speak HTTP/1.1."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._server: web.Server | None = None

    def protocol(self) -> asyncio.Protocol:
        """Return the protocol of a new connection."""
        if self._server is None:
            # A handler that hangs ends when its connection does.
            self._server = web.Server(self._handle, handler_cancellation=True, access_log=None)
        return self._server()

    async def close(self) -> None:
        """End what is being answered."""
        if self._server:
            self._server.pre_shutdown()
            await self._server.shutdown(0)
            self._server = None

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = Request(
            method=request.method,
            url=f"{request.scheme}://{request.host}{request.raw_path}",
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read(),
        )
        try:
            answer = await self._router.answer(asked)
        except HangUp:
            if request.transport:
                request.transport.abort()
            return web.Response()
        return web.Response(status=answer.status, body=answer.content, headers=answer.sent_headers)
