"""The broker as a whole: is it there, and would it keep what it is given?"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from typing import Final

from prometheus_client import CollectorRegistry, Gauge
from service_kit.lifecycle import pause
from service_kit.logs import get_logger

from durable_queue.backoff import jittered
from durable_queue.port import BrokerInspection, Durability, QueueUnavailable, UnsafeBroker

log = get_logger(__name__)

LOOK_AGAIN_SECONDS = 1.0
"""How often a broker that takes nothing is looked at; requests in between are refused at once."""
WATCH_EVERY: Final = timedelta(seconds=2)
"""How often a process that accepts looks at the broker's settings."""

Close = Callable[[], Awaitable[None]]


class BrokerGuard:
    """Lets nothing in as long as the broker would lose it; closes what is open to it at the end.

    A `Resource`. A broker that can't be reached, at the start or later, is looked at when it
    returns; one that is unsafe at the start keeps the process from starting. Its settings may
    change while it runs: `watch` looks at them again and again. With `allow_volatile` an unsafe
    one is only complained about. The gauge `broker_safe` is 0 while it is unsafe or away.
    """

    def __init__(
        self,
        inspection: BrokerInspection,
        *closing: Close,
        allow_volatile: bool,
        registry: CollectorRegistry | None = None,
        watch_every: timedelta = WATCH_EVERY,
    ) -> None:
        self._inspection = inspection
        self._watch_every_s = watch_every.total_seconds()
        self._allow_volatile = allow_volatile
        self._closing = closing
        self._is_safe = False
        self._faults: tuple[str, ...] = ()
        self._refusal: tuple[type[QueueUnavailable | UnsafeBroker], str] | None = None
        self._refuse_until = 0.0
        self._gauge = Gauge(
            "broker_safe",
            "Whether the broker was reachable and safe at the last check.",
            registry=registry or CollectorRegistry(),
        )

    async def start(self) -> None:
        """Look at the broker; go on without it if it isn't there. Raises `UnsafeBroker`."""
        try:
            durability = await self._inspect()
        except QueueUnavailable as error:
            log.warning("broker.unreachable", error=str(error))
            return
        log.info("broker.found", durability=durability.profile)

    async def stop(self) -> None:
        """Close everything, whatever becomes of each."""
        await asyncio.gather(*(close() for close in self._closing))

    async def watch(self, stopping: asyncio.Event) -> None:
        """Look at the broker every `watch_every` until `stopping` is set."""
        while not await pause(stopping, jittered(self._watch_every_s)):
            try:
                await self._inspect()
            except QueueUnavailable:
                self.doubt()  # the next user reports it
            except UnsafeBroker:
                continue  # said when it was found out

    async def check(self) -> Mapping[str, str]:
        """Exercise the broker as a send would; return what is known of its durability.

        Raises:
            QueueUnavailable: it takes nothing now.
            UnsafeBroker: it would lose what it takes.
        """
        await self._inspection.ping()
        durability = await self._inspect()
        return {"durability": durability.profile, "faults": "; ".join(durability.faults) or "none"}

    async def admit(self) -> None:
        """Return if what is sent now is safe. Raises as `check` does."""
        if self._is_safe:
            return
        if self._refusal and asyncio.get_running_loop().time() < self._refuse_until:
            kind, why = self._refusal
            raise kind(why)
        await self._inspect()

    def doubt(self) -> None:
        """Have the broker looked at before the next message: it was gone, it may have changed."""
        self._is_safe = False

    async def _inspect(self) -> Durability:
        try:
            durability = await self._safe_durability()
        except (QueueUnavailable, UnsafeBroker) as error:
            self._is_safe = False
            self._gauge.set(0)
            self._refusal = (type(error), str(error))
            self._refuse_until = asyncio.get_running_loop().time() + LOOK_AGAIN_SECONDS
            raise
        self._is_safe, self._refusal = True, None
        self._gauge.set(not durability.faults)
        return durability

    async def _safe_durability(self) -> Durability:
        durability = await self._inspection.durability()
        self._say_what_changed(tuple(durability.faults))
        if durability.faults and not self._allow_volatile:
            faults = "; ".join(durability.faults)
            raise UnsafeBroker(f"{faults} (ALLOW_VOLATILE=1 to use it nevertheless)")
        return durability

    def _say_what_changed(self, faults: tuple[str, ...]) -> None:
        for fault in faults:
            if fault not in self._faults:
                log.warning("broker.unsafe", fault=fault, allowed=self._allow_volatile)
        if self._faults and not faults:
            log.info("broker.safe_again")
        self._faults = faults
