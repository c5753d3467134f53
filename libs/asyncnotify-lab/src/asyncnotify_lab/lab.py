"""The lab: its ports, and what stands behind them."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Self

from asyncnotify.local.ports import HOST

from asyncnotify_lab.api import LabApi
from asyncnotify_lab.certificates import CERTIFICATE, authority, server_tls
from asyncnotify_lab.faults import CONNECT, Faults, Weakness, WireFault
from asyncnotify_lab.http import Router
from asyncnotify_lab.http1 import Http1
from asyncnotify_lab.http2 import Http2Protocol
from asyncnotify_lab.listener import Listener
from asyncnotify_lab.messages import Arrival, ArrivalStore
from asyncnotify_lab.provider_urls import LabPorts, provider_urls
from asyncnotify_lab.receipts import Receipts
from asyncnotify_lab.state import LabState
from asyncnotify_lab.wires import HTTP_WIRES, smtp

MESSAGES: Final = "messages.jsonl"
HTTP: Final = "http"
HTTPS: Final = "https"
_HTTP2: Final = "h2"


class Lab:
    """A lab that keeps its authority and what arrived in a folder."""

    def __init__(self, folder: Path, *, keeps_messages: bool = True) -> None:
        """`keeps_messages`: in the folder, so that they are there again after a restart."""
        folder.mkdir(parents=True, exist_ok=True)
        ca = authority(folder)
        weaknesses = {wire.name: wire.weakness() for wire in HTTP_WIRES}
        connections = dict.fromkeys((HTTP, HTTPS), Weakness((CONNECT,)))
        faults = Faults({smtp.NAME: smtp.WEAKNESS, **weaknesses, **connections})
        messages = ArrivalStore(folder / MESSAGES if keeps_messages else None)
        self._state = LabState(faults, messages, Receipts(faults))
        self._folder = folder
        wires = [wire(self._state) for wire in HTTP_WIRES]
        api = LabApi(self._state, self.describe)
        self._router = Router([*api.routes(), *chain(*(each.routes() for each in wires))])
        self._http1 = Http1(self._router)
        starttls, tls = server_tls(ca), server_tls(ca)
        self._listeners = {
            "smtp": Listener(lambda _: smtp.LabSmtp(self._state, starttls)),
            "smtps": Listener(lambda _: smtp.LabSmtp(self._state, None), tls=tls),
            HTTP: Listener(self._speak_http, connecting=lambda: faults.next(HTTP, CONNECT)),
            HTTPS: Listener(
                self._speak_http,
                tls=server_tls(ca, [_HTTP2, "http/1.1"]),
                connecting=lambda: faults.next(HTTPS, CONNECT),
            ),
        }

    @classmethod
    @asynccontextmanager
    async def started(cls) -> AsyncIterator[Self]:
        """Run one on free ports, for as long as the block lasts."""
        with TemporaryDirectory(prefix="asyncnotify-lab-") as folder:
            lab = cls(Path(folder), keeps_messages=False)
            await lab.start()
            try:
                yield lab
            finally:
                await lab.stop()

    async def start(self, ports: LabPorts | None = None) -> None:
        """Listen. A port of 0 is any free one, or the one that it had before.

        Raises:
            OSError: a port is taken.
        """
        wanted = ports or LabPorts()
        for name, listener in self._listeners.items():
            await listener.open(getattr(wanted, name))

    async def stop(self) -> None:
        """Break off all connections, and listen no longer. It can be started again."""
        for listener in self._listeners.values():
            await listener.close()
        await self._http1.close()
        await self._state.receipts.close()

    @property
    def ports(self) -> LabPorts:
        """Where it listens."""
        return LabPorts(**{name: each.port for name, each in self._listeners.items()})

    @property
    def smtp_port(self) -> int:
        """SMTP, with STARTTLS on offer."""
        return self.ports.smtp

    @property
    def smtps_port(self) -> int:
        """SMTP over TLS."""
        return self.ports.smtps

    @property
    def http_url(self) -> str:
        """HTTP/1.1, without TLS."""
        return f"http://{HOST}:{self.ports.http}"

    @property
    def https_url(self) -> str:
        """HTTP/2 and HTTP/1.1 over TLS."""
        return f"https://{HOST}:{self.ports.https}"

    @property
    def ca_file(self) -> Path:
        """The certificate that whoever connects by TLS is to trust."""
        return self._folder / CERTIFICATE

    @property
    def provider_urls(self) -> Mapping[str, Sequence[str]]:
        """Each channel's providers, as the dispatcher's settings name them."""
        return provider_urls(self.ports, self.ca_file)

    @property
    def messages(self) -> ArrivalStore:
        """What arrived."""
        return self._state.messages

    @property
    def receipts(self) -> Receipts:
        """The callbacks that say what became of it."""
        return self._state.receipts

    @property
    def faults(self) -> Faults:
        """The faults to come."""
        return self._state.faults

    def fault(self, **fields: Any) -> str:  # noqa: ANN401 - the fields of `WireFault`
        """Script a fault; return its id.

        Raises:
            ValueError: there can't be such a fault; says why.
        """
        return self.faults.add(WireFault(**fields)).id

    async def arrived(
        self, count: int = 1, *, within: float = 60.0, **wanted: str
    ) -> Sequence[Arrival]:
        """Wait for messages: at least `count` with this `wire`, `kind`, `to`.

        Raises:
            TimeoutError: they did not come, within so many seconds.
        """
        return await self.messages.wait_for(count=count, within=within, **wanted)

    def describe(self) -> dict[str, Any]:
        """Say where it listens, and what providers are told."""
        ports = self.ports
        return {
            "http_url": self.http_url,
            "https_url": self.https_url,
            "smtp_port": ports.smtp,
            "smtps_port": ports.smtps,
            "ca_file": str(self.ca_file),
            "provider_urls": {name: list(urls) for name, urls in self.provider_urls.items()},
        }

    def _speak_http(self, transport: asyncio.Transport) -> asyncio.Protocol:
        tls = transport.get_extra_info("ssl_object")
        if tls and tls.selected_alpn_protocol() == _HTTP2:
            return Http2Protocol(self._router)
        return self._http1.protocol()
