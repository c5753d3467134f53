"""Whether this process can do its work, and whether it may: not on a broker that forgets."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from service_kit.http.app import Check
from service_kit.http.client import HttpClient, UpstreamError
from service_kit.logs import get_logger
from service_kit.queue.port import Durability, Queue, QueueUnavailable, UnsafeBroker
from service_kit.queue.worker import WorkerStats

from notification_dispatcher.interface.workers import Workers

log = get_logger(__name__)

# A worker asks its queue every few seconds, unless its hands are full.
SILENT_TOO_LONG = timedelta(seconds=30)
BUSY_TOO_LONG = timedelta(minutes=2)

# Less than a check may take, for it is not to fail.
CONTACTS_TIMEOUT = timedelta(seconds=1)


class WorkerSilent(Exception):
    """Raised when a worker has not asked its queue for a long time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """The queue as a resource of the process. It refuses to start on one that would lose messages.

    One that can't be reached at the start is waited for; readiness tells then what it is like.
    """

    queue: Queue
    allow_volatile: bool

    async def start(self) -> None:
        """Look at how the broker is set up.

        Raises:
            UnsafeBroker: it would lose messages, and nobody has allowed that.
        """
        try:
            durability = await self.queue.durability()
        except QueueUnavailable as error:
            log.warning("broker.unavailable", error=str(error))
            return
        self._judge(durability)

    async def stop(self) -> None:
        """Close the connections."""
        await self.queue.close()

    async def check(self) -> Mapping[str, str]:
        """Exercise the broker as work would; say how durable it is."""
        await self.queue.ping()
        durability = await self.queue.durability()
        self._judge(durability)
        return {"durability": durability.profile, "faults": "; ".join(durability.faults)}

    def _judge(self, durability: Durability) -> None:
        if durability.faults and not self.allow_volatile:
            faults = "; ".join(durability.faults)
            raise UnsafeBroker(f"{faults} (ALLOW_VOLATILE=1 to use it nevertheless)")


def checks(
    broker: Broker,
    workers: Workers,
    breaker_states: Callable[[], Mapping[str, str]],
    http: HttpClient,
) -> dict[str, Check]:
    """List the checks of readiness.

    A provider or a user-service in trouble makes work wait, and is shown, but none of it is lost,
    and another process would fare no better: this one stays ready.
    """

    async def providers() -> Mapping[str, str]:
        return breaker_states()

    async def contacts() -> Mapping[str, str]:
        try:
            async with asyncio.timeout(CONTACTS_TIMEOUT.total_seconds()):
                answer = await http.request("GET", "/health/live")
        except (UpstreamError, TimeoutError):
            return {"user_service": "gives no answer"}
        return {"user_service": f"answers {answer.status}"}

    async def working() -> Mapping[str, str]:
        return _workers_at_work(workers)

    return {
        "broker": broker.check,
        "workers": working,
        "providers": providers,
        "contacts": contacts,
    }


def _workers_at_work(workers: Workers) -> Mapping[str, str]:
    stats = {name: worker.stats() for name, worker in workers.by_stage.items()}
    silent = [name for name, each in stats.items() if _is_silent(each)]
    if silent:
        raise WorkerSilent(", ".join(silent))
    return {name: _said(each) for name, each in stats.items()}


def _is_silent(stats: WorkerStats) -> bool:
    is_full = stats.in_flight >= stats.concurrency
    return stats.last_poll_age > (BUSY_TOO_LONG if is_full else SILENT_TOO_LONG)


def _said(stats: WorkerStats) -> str:
    age = stats.last_poll_age.total_seconds()
    return f"{stats.in_flight} of {stats.concurrency} in hand, asked {age:.1f} s ago"
