"""One chaos run, from start to report."""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import aiohttp

from asyncnotify.prove.faults import PlannedFault
from asyncnotify.prove.load import Load, fetch_records
from asyncnotify.prove.outbox import read_outbox
from asyncnotify.prove.reconcile import ENDED, JsonObject, reconcile
from asyncnotify.prove.report import Outcome
from asyncnotify.prove.stage import Stage

# A lease of 60 s may be running when the last fault is over, and its notification still has all
# its attempts before it.
DRAIN_SECONDS: Final = 180.0
WATCH_EVERY_SECONDS: Final = 0.05


@dataclass(slots=True)
class Watch:
    """When things were seen to work, on the loop's clock; and how far the run is."""

    promises: list[float] = field(default_factory=list)
    deliveries: list[float] = field(default_factory=list)
    faults_over: list[tuple[PlannedFault, float]] = field(default_factory=list)
    current: str = "starting"

    def recoveries(self) -> dict[str, list[float]]:
        """Return seconds from the end of each fault to the next sign of life, by sign."""
        return {
            "accepts again": _gaps(self.faults_over, self.promises),
            "delivers again": _gaps(self.faults_over, self.deliveries),
        }


async def prove(
    stage: Stage,
    load: Load,
    faults: Sequence[PlannedFault],
    *,
    broker: str,
    watch: Watch,
    note: Callable[[str], None],
) -> Outcome:
    """Run the load while the faults happen; wait until all has settled; compare.

    `broker` is what the report calls it; `note` is told of each fault as it happens.
    """
    started_at = datetime.now(UTC)
    watching = asyncio.create_task(_watch_outbox(stage.outbox, watch))
    try:
        records, drain_seconds = await _send_and_settle(stage, load, faults, watch, note)
    finally:
        watching.cancel()
    watch.current = "comparing"
    received = read_outbox(stage.outbox)
    return Outcome(
        started_at=started_at,
        seed=load.seed,
        seconds=load.seconds,
        drain_seconds=drain_seconds,
        broker=broker,
        faults=faults,
        findings=reconcile(load.promises, records, received),
        refusals=load.refusals,
        unpromised=load.unpromised,
        recoveries=watch.recoveries()
        | {"from the last step to being taken up again, after a worker died": _reclaimed(records)},
    )


async def _send_and_settle(
    stage: Stage,
    load: Load,
    faults: Sequence[PlannedFault],
    watch: Watch,
    note: Callable[[str], None],
) -> tuple[dict[str, JsonObject], float]:
    load.on_promise = watch.promises.append
    await load.create_users()
    watch.current = "sending, with faults"
    async with asyncio.TaskGroup() as work:
        work.create_task(load.run())
        work.create_task(_cause(stage, faults, watch, note))
    watch.current = "waiting until all has settled"
    began = asyncio.get_running_loop().time()
    records = await _drain(load)
    return records, asyncio.get_running_loop().time() - began


async def _cause(
    stage: Stage, faults: Sequence[PlannedFault], watch: Watch, note: Callable[[str], None]
) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    for planned in faults:
        await asyncio.sleep(max(0.0, began + planned.at_seconds - loop.time()))
        note(f"{loop.time() - began:5.1f} s  {planned.fault} {planned.detail}".rstrip())
        await stage.do(planned)
        watch.faults_over.append((planned, loop.time()))


async def _drain(load: Load) -> dict[str, JsonObject]:
    records: dict[str, JsonObject] = {}
    waiting = [promise.trace_id for promise in load.promises]
    deadline = asyncio.get_running_loop().time() + DRAIN_SECONDS
    while waiting and asyncio.get_running_loop().time() < deadline:
        try:
            records |= await fetch_records(load.url, waiting)
        except* aiohttp.ClientError:
            pass  # a service that was killed last may still be on its way back
        waiting = [each for each in waiting if records.get(each, {}).get("status") not in ENDED]
        await asyncio.sleep(1.0 if waiting else 0)
    return records


async def _watch_outbox(path: Path, watch: Watch) -> None:
    loop, seen = asyncio.get_running_loop(), 0
    while True:
        size = _size(path)
        if size > seen:
            watch.deliveries.append(loop.time())
            seen = size
        await asyncio.sleep(WATCH_EVERY_SECONDS)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _gaps(faults: Sequence[tuple[PlannedFault, float]], signs: Sequence[float]) -> list[float]:
    gaps = []
    for _, over_at in faults:
        following = next((sign for sign in signs if sign >= over_at), None)
        if following is not None:
            gaps.append(following - over_at)
    return gaps


def _reclaimed(records: dict[str, JsonObject]) -> list[float]:
    """Return seconds from a notification's last entry before its worker died to its next chance."""
    by_trace: defaultdict[str, list[float]] = defaultdict(list)
    for trace_id, record in records.items():
        entries = record["timeline"]
        for before, entry in itertools.pairwise(entries):
            if entry["reason"] == "lease_lost":
                gap = _time(entry) - _time(before)
                by_trace[trace_id].append(gap.total_seconds())
    return [gap for gaps in by_trace.values() for gap in gaps]


def _time(entry: JsonObject) -> datetime:
    return datetime.fromisoformat(entry["at"])
