"""Whether this process can do its work."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from durable_queue.broker_guard import BrokerGuard
from durable_queue.worker import WorkerStats
from service_kit.http.app import Check
from service_kit.http.client import HttpClient, UpstreamError

from notification_dispatcher.application.provider_states import ProviderState, ProviderStates
from notification_dispatcher.interface.workers import Workers

# A worker asks its queue every few seconds, unless it works on as many messages as it may.
SILENT_TOO_LONG = timedelta(seconds=30)
BUSY_TOO_LONG = timedelta(minutes=2)

# Less than a check may take, for it is not to fail.
CONTACTS_TIMEOUT = timedelta(seconds=1)


class WorkerSilent(Exception):
    """Raised when a worker has not asked its queue for a long time."""


def checks(
    broker: BrokerGuard,
    workers: Workers,
    providers: ProviderStates,
    http: HttpClient,
) -> dict[str, Check]:
    """List the checks of readiness.

    A provider or a user-service in trouble makes work wait, and is shown, but none of it is lost,
    and another process could do no better: this one stays ready.
    """

    async def contacts() -> Mapping[str, str]:
        try:
            async with asyncio.timeout(CONTACTS_TIMEOUT.total_seconds()):
                answer = await http.request("GET", "/health/live")
        except (UpstreamError, TimeoutError):
            return {"user_service": "gives no answer"}
        return {"user_service": f"answers {answer.status}"}

    async def provider_states() -> Mapping[str, str]:
        kept_by = "all dispatchers" if providers.pauses_are_shared else "each dispatcher for itself"
        states = {
            f"{each.channel}.{each.name}": _in_words(each) for each in await providers.states()
        }
        return {**states, "pauses are kept by": kept_by, "delivery": providers.delivery}

    async def working() -> Mapping[str, str]:
        return _workers_at_work(workers)

    return {
        "broker": broker.check,
        "workers": working,
        "providers": provider_states,
        "contacts": contacts,
    }


def _in_words(provider: ProviderState) -> str:
    words = (
        provider.breaker if provider.reason is None else f"{provider.breaker}, {provider.reason}"
    )
    if provider.paused_until is None:
        return words
    return f"{words}, paused until {provider.paused_until.isoformat(timespec='seconds')}"


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
    if stats.is_paused:
        return f"{stats.in_flight} of {stats.concurrency} under way, paused"
    return f"{stats.in_flight} of {stats.concurrency} under way, asked {age:.1f} s ago"
