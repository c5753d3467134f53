"""A provider that takes 200 ms a send, beside a fast one: how many in flight, and how fast?"""

import asyncio
import re
import tempfile
import time
from pathlib import Path

import aiohttp
from asyncnotify.local.ports import HOST
from load import flood
from processes import Meter
from results import Options, Results
from running_system import RunningSystem, open_system

SLOW = {"EMAIL_PROVIDERS": "fake://?script=slow-200ms"}
WIDE = {"DISPATCHER_CONCURRENCY": "1000"}
BY_DEFAULT = "200 ms, default settings"
AT_1000 = "200 ms, DISPATCHER_CONCURRENCY=1000"
FAST = "no delay, DISPATCHER_CONCURRENCY=1000"
SETTINGS = {BY_DEFAULT: SLOW, AT_1000: SLOW | WIDE, FAST: WIDE}
_METRIC = re.compile(r"^(\w+)\{([^}]*)\} (\S+)$", re.MULTILINE)


async def measure(folder: Path, options: Options) -> Results:
    """Drain a backlog with each setting."""
    many = 2 * options.count
    results = Results("slow", options.each(many))
    for number in range(options.rounds):
        results.begin_round(number)
        for name, settings in SETTINGS.items():
            count = many if name != BY_DEFAULT else many // 6
            with tempfile.TemporaryDirectory(dir=folder) as own:
                async with open_system(Path(own), settings=settings) as system:
                    await system.create_users()
                    await flood(system.ports.gateway, count)
                    results.add(name, await _drain(system, count))
    return results


async def _drain(system: RunningSystem, count: int) -> dict[str, float]:
    """Send all; the rate is that between the first tenth and the last."""
    async with system.dispatching(until_ready=False), aiohttp.ClientSession() as http:
        await system.outbox.until_sent(count // 10)
        meter, began, first, most = Meter(system.pids()), time.monotonic(), system.outbox.seen, 0.0
        metrics = f"http://{HOST}:{system.ports.dispatcher}/metrics"
        while system.outbox.look() < count * 9 // 10:
            most = max(most, await _metric(http, metrics, "queue_in_flight", 'worker="delivery'))
            await asyncio.sleep(0.1)
        seconds, done = time.monotonic() - began, system.outbox.seen - first
        row = meter.read(done)
        await system.outbox.until_sent(count)
        deferred = await _metric(http, metrics, "queue_messages_handled_total", "deferred")
    return {
        "rate": done / seconds,
        "most in flight": most,
        "deferred": deferred,
        "cpu worker": row["cpu dispatcher"],
        "cpu all": row["cpu all"],
        "others %": row["others %"],
    }


async def _metric(http: aiohttp.ClientSession, url: str, name: str, label: str) -> float:
    """Return the sum of a metric's values whose labels contain `label`."""
    async with http.get(url) as answer:
        text = await answer.text()
    return sum(
        float(value)
        for it, labels, value in _METRIC.findall(text)
        if it == name and label in labels
    )
