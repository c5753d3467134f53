"""What does it cost that a million notifications wait?

Fills a Redis of its own with notifications, through the queue and the ledger as the publisher uses
them, and measures it beside an empty one. The exit code is 1 if one of three limits is broken:
bytes per waiting notification, accepting beside the empty queue, the idle tick.

    .venv/bin/python benchmarks/waiting.py --count 1000000 --json waiting.json
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import uvloop
from figures import Laps, Sheet, yardstick_ms
from notification_contracts.lanes import all_lanes
from notification_contracts.states import Status
from notification_ledger.reading import RecordQuery
from store import LANE, Store, open_store

MAX_BYTES_EACH: Final = 1200
MAX_SLOWDOWN: Final = 2.0
MAX_TICK_MS: Final = 10.0

LANES: Final = all_lanes()
AT_ONCE: Final = 64
ROUNDS: Final = 20
SENDS_ALONE: Final = 100
SENDS_TOGETHER: Final = 1_000
TICKS: Final = 200
TICK_PAUSE_S: Final = 0.05
READS: Final = 200
SETTLED: Final = 10_000


@dataclass(slots=True)
class Accepting:
    """How sends fared on one store."""

    alone: Laps = field(default_factory=Laps)
    together: Laps = field(default_factory=Laps)
    rates: list[float] = field(default_factory=list)

    async def measure(self, store: Store) -> None:
        """Send one after the other, then many at once."""
        await store.fill(SENDS_ALONE, clients=1, laps=self.alone)
        began = time.perf_counter()
        await store.fill(SENDS_TOGETHER, clients=AT_ONCE, laps=self.together)
        self.rates.append(SENDS_TOGETHER / (time.perf_counter() - began))


async def fill(sheet: Sheet, full: Store, count: int) -> list[str]:
    """Let `count` notifications wait, and weigh them; return some trace ids."""
    before, began = await full.used_memory(), time.perf_counter()
    sample = await full.fill(count, clients=256)
    sheet.add("waiting notifications", count)
    sheet.add("filled at", count / (time.perf_counter() - began), "per second")
    await full.quiet()
    each = (await full.used_memory() - before) / count
    sheet.add("memory for each that waits", each, "bytes", limit=MAX_BYTES_EACH)
    return sample


async def compare_accepting(sheet: Sheet, full: Store, empty: Store) -> None:
    """Send to both stores in turn, so that what else this machine does meets both."""
    fares = {"empty": Accepting(), "full": Accepting()}
    for _ in range(ROUNDS):
        await empty.redis.flushall()
        await fares["empty"].measure(empty)
        await fares["full"].measure(full)
    for name, fare in fares.items():
        sheet.add(f"send, {name}, one by one, median", fare.alone.median, "ms")
        sheet.add(f"send, {name}, one by one, p99", fare.alone.p99, "ms")
        sheet.add(f"send, {name}, {AT_ONCE} at once, median", fare.together.median, "ms")
        sheet.add(f"send, {name}, {AT_ONCE} at once, p99", fare.together.p99, "ms")
        sheet.add(f"sends, {name}, {AT_ONCE} at once", median(fare.rates), "per second")
    was, now = fares["empty"], fares["full"]
    ratio = now.alone.median / was.alone.median
    sheet.add("send, full : empty, one by one", ratio, limit=MAX_SLOWDOWN)
    ratio = now.together.median / was.together.median
    sheet.add(f"send, full : empty, {AT_ONCE} at once", ratio, limit=MAX_SLOWDOWN)


async def measure_ticks(sheet: Sheet, full: Store) -> None:
    """Tick all lanes, with nothing to do, long enough that lost tickets are searched for."""
    await full.queue.tick(LANES)
    await full.watch_commands()
    laps = Laps()
    for _ in range(TICKS):
        await laps.time(full.queue.tick(LANES))
        await asyncio.sleep(TICK_PAUSE_S)
    sheet.add(f"idle tick of {len(LANES)} lanes, median", laps.median, "ms", limit=MAX_TICK_MS)
    sheet.add(f"idle tick of {len(LANES)} lanes, longest", laps.longest, "ms")
    in_redis = await full.watched("EVALSHA")
    for name, laps in (("crowded", in_redis[LANE]), ("empty", in_redis[LANES[-1]])):
        sheet.add(f"tick of the {name} lane in Redis, median", laps.median, "ms")
        sheet.add(
            f"tick of the {name} lane in Redis, longest", laps.longest, "ms", limit=MAX_TICK_MS
        )


async def measure_reads(sheet: Sheet, full: Store, sample: list[str]) -> None:
    """Ask the ledger what the API asks it."""

    def find(query: RecordQuery) -> Callable[[int], Awaitable[object]]:
        return lambda _: full.ledger.find(query)

    async def a_user(number: int) -> object:
        return await full.ledger.find(RecordQuery(user_id=f"user-{number}"))

    reads: dict[str, Callable[[int], Awaitable[object]]] = {
        "show one": lambda number: full.ledger.get(sample[number % len(sample)]),
        "list the newest 50": find(RecordQuery()),
        "list 50 by status": find(RecordQuery(status=Status.QUEUED)),
        "list one user's": a_user,
        "list 50 by channel, none match": find(RecordQuery(channel="sms")),
        "list dead letters, none there": find(RecordQuery(dead_letters=True)),
    }
    for name, read in reads.items():
        laps = Laps()
        for number in range(READS):
            await laps.time(read(number))
        sheet.add(f"ledger, {name}, median", laps.median, "ms")
        sheet.add(f"ledger, {name}, p99", laps.p99, "ms")


async def measure_settling(sheet: Sheet, full: Store, empty: Store) -> None:
    """Let a worker take messages, and acknowledge each."""
    await empty.redis.flushall()
    await empty.fill(SETTLED * 2, clients=AT_ONCE)
    sheet.add("claimed and acknowledged, empty", await empty.settle(SETTLED), "per second")
    sheet.add("claimed and acknowledged, full", await full.settle(SETTLED), "per second")


async def measure_healing(sheet: Sheet, full: Store) -> None:
    """Audit everything."""
    await full.watch_commands(slower_than_us=50)
    began = time.perf_counter()
    mended = await full.queue.heal()
    sheet.add("audit of everything", time.perf_counter() - began, "s")
    sheet.add("audit, messages mended", mended)
    scripts = (await full.watched("EVALSHA")).values()
    every = Laps([ms for laps in scripts for ms in laps.ms])
    sheet.add("audit, a script in Redis, median", every.median, "ms")
    sheet.add("audit, a script in Redis, longest", every.longest, "ms")


async def measure(count: int) -> Sheet:
    """Measure everything, with `count` notifications waiting."""
    sheet = Sheet(f"{count:,} waiting")
    yardstick = median(yardstick_ms() for _ in range(5))
    sheet.add("yardstick, a million additions in Python", yardstick, "CPU ms")
    with tempfile.TemporaryDirectory(prefix="benchmark-waiting-") as folder:
        room, users = 2 * count + 1_000_000, max(count // 10, 1)
        full = open_store(Path(folder) / "full", room=room, users=users)
        empty = open_store(Path(folder) / "empty", room=room, users=users)
        async with full as full_store, empty as empty_store:
            sample = await fill(sheet, full_store, count)
            await compare_accepting(sheet, full_store, empty_store)
            await full_store.quiet()
            await measure_ticks(sheet, full_store)
            await measure_reads(sheet, full_store, sample)
            await measure_settling(sheet, full_store, empty_store)
            await measure_healing(sheet, full_store)
    return sheet


def main() -> int:
    """Measure, show, and judge."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=1_000_000, help="how many wait")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    options = parser.parse_args()
    sheet = uvloop.run(measure(options.count))
    sheet.show()
    if options.json:
        sheet.write(options.json)
    for name in sheet.broken:
        print(f"broken limit: {name}", file=sys.stderr)
    return 1 if sheet.broken else 0


if __name__ == "__main__":
    sys.exit(main())
