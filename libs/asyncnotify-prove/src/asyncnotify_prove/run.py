"""One chaos run, from start to report."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import aiohttp

from asyncnotify_prove.backing import Backing
from asyncnotify_prove.faults import Fault, PlannedFault
from asyncnotify_prove.harness import Harness
from asyncnotify_prove.load import Load, fetch_records
from asyncnotify_prove.outbox import OutboxFollower, Received, read_outbox
from asyncnotify_prove.promises import ENDED, JsonObject
from asyncnotify_prove.readiness import ReadinessLog
from asyncnotify_prove.reconcile import reconcile
from asyncnotify_prove.report import SHOWN_BREACHES, Outcome
from asyncnotify_prove.timelines import Step, steps_of
from asyncnotify_prove.timing import IN_TIME_SECONDS, PICKED_UP_SECONDS, Setting, Timing

DRAIN_LEASES: Final = 12
DRAIN_SECONDS: Final = 60.0
SAY_EVERY_SECONDS: Final = 5.0

Note = Callable[[str], None]


@dataclass(slots=True)
class Watch:
    """When things were seen to work, in seconds since 1970; and how far the run is."""

    promises: list[float] = field(default_factory=list)
    faults_over: list[tuple[PlannedFault, float]] = field(default_factory=list)
    current: str = "starting"

    def recoveries(self, deliveries: Sequence[float]) -> dict[str, list[float]]:
        """Return seconds from the end of each fault to the next sign of life, by sign."""
        return {
            "accepts again": _gaps(self.faults_over, self.promises),
            "delivers again": _gaps(self.faults_over, deliveries),
        }


@dataclass(slots=True, kw_only=True)
class Run:
    """One run: its system, its load, and what was seen of them. `note` is told of each fault as it
    happens, `say` every few seconds of what it waits for.
    """

    harness: Harness
    load: Load
    faults: Sequence[PlannedFault]
    backing: Backing
    watch: Watch = field(default_factory=Watch)
    note: Note = lambda _: None
    say: Note = lambda _: None
    say_every: float = SAY_EVERY_SECONDS
    readiness: ReadinessLog = field(default_factory=ReadinessLog)

    async def prove(self) -> Outcome:
        """Run the load while the faults happen; wait until all has settled; compare."""
        started_at = datetime.now(UTC)
        outbox = OutboxFollower(self.harness.outbox)
        watching = [
            asyncio.create_task(outbox.follow()),
            asyncio.create_task(self.readiness.take(self.harness.probes)),
            asyncio.create_task(self.say_how_far()),
        ]
        try:
            await self._send()
            began = time.monotonic()
            records = await self._drain()
            drain_seconds = time.monotonic() - began
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
        self.watch.current = "comparing"
        return self._compare(started_at, records, outbox, drain_seconds)

    def _compare(
        self,
        started_at: datetime,
        records: dict[str, JsonObject],
        outbox: OutboxFollower,
        drain_seconds: float,
    ) -> Outcome:
        around = started_at.timestamp()
        steps = {trace_id: steps_of(record, around) for trace_id, record in records.items()}
        load = self.load
        lines = read_outbox(self.harness.outbox)
        received = outbox.received
        if lab := self.harness.lab:
            lines += lab.lines(load.promises)
            received = sorted(lab.received(load.promises), key=lambda each: each.before)
        findings = reconcile(load.promises, records, steps, lines)
        timing = self._timing(steps, received)
        findings.broken += [f"{who} {what}" for who, what in timing.breaches(load.promises)]
        findings.broken += [f"key {key} was refused when it was repeated" for key in load.conflicts]
        deliveries = [each.before for each in received]
        return Outcome(
            started_at=started_at,
            seed=load.seed,
            seconds=load.seconds,
            drain_seconds=drain_seconds,
            broker=self.backing.name,
            providers="the lab" if self.backing.has_lab else "fakes",
            left_out=self.backing.impossible(),
            lease=self.harness.lease,
            faults=self.faults,
            findings=findings,
            repeated=load.repeated,
            withdrawn=sum(each.is_cancelled is not None for each in load.promises),
            evidence=_evidence(findings.broken, records),
            refusals=load.refusals,
            unpromised=load.unpromised,
            recoveries=self.watch.recoveries(deliveries) | timing.measured,
        )

    def _timing(self, steps: dict[str, list[Step]], received: Sequence[Received]) -> Timing:
        setting = Setting(
            lease=self.harness.lease,
            in_hand=2 * self.harness.in_hand,
            in_time=PICKED_UP_SECONDS if self.backing.is_on_rabbitmq else IN_TIME_SECONDS,
            keeps_front=not self.backing.is_on_rabbitmq,
        )
        return Timing(
            setting=setting,
            readiness=self.readiness,
            fault_log=self.harness.fault_log,
            steps=steps,
            received=received,
        )

    async def _send(self) -> None:
        self.load.on_promise = self.watch.promises.append
        await self.load.create_users()
        self.watch.current = "sending, with faults"
        async with asyncio.TaskGroup() as work:
            work.create_task(self.load.run())
            work.create_task(self._cause())
        self.watch.current = "waiting for the last faults to be over"
        await self.harness.settle()

    async def _cause(self) -> None:
        began = time.monotonic()
        for planned in self.faults:
            await asyncio.sleep(max(0.0, began + planned.at_seconds - time.monotonic()))
            self.note(
                f"{time.monotonic() - began:5.1f} s  {planned.fault} {planned.detail}".rstrip()
            )
            if planned.fault is Fault.POISON:
                await self.load.send_poison()
            else:
                await self.harness.do(planned)
            self.watch.faults_over.append((planned, time.time()))

    async def _drain(self) -> dict[str, JsonObject]:
        records: dict[str, JsonObject] = {}
        waiting = [promise.trace_id for promise in self.load.promises]
        limit = DRAIN_SECONDS + DRAIN_LEASES * self.harness.lease
        deadline = time.monotonic() + limit
        while waiting and time.monotonic() < deadline:
            with suppress(aiohttp.ClientError, TimeoutError, ExceptionGroup):
                # A service that was killed last may still be on its way back.
                records |= await fetch_records(self.load.url, waiting)
            waiting = [each for each in waiting if records.get(each, {}).get("status") not in ENDED]
            self.watch.current = waits_for(waiting, records, deadline - time.monotonic())
            await asyncio.sleep(1.0 if waiting else 0)
        return records

    async def say_how_far(self) -> None:
        """Say again and again what the run is at, or waits for, until cancelled."""
        while True:
            await asyncio.sleep(self.say_every)
            accepted = len(self.load.promises)
            self.say(f"         {self.watch.current}; {accepted} of {self.load.count} accepted")


def waits_for(waiting: Sequence[str], records: Mapping[str, JsonObject], left: float) -> str:
    """Say which notifications have not ended, and for how many seconds they are waited for."""
    if not waiting:
        return "all has settled"
    states = Counter(records.get(each, {}).get("status", "unknown") for each in waiting)
    which = ", ".join(f"{count} {state}" for state, count in states.most_common())
    return f"waiting for {len(waiting)} to end ({which}), {left:.0f} s at most"


def _evidence(broken: Sequence[str], records: dict[str, JsonObject]) -> dict[str, JsonObject]:
    named = (breach.split(" ", 1)[0] for breach in broken[:SHOWN_BREACHES])
    return {trace_id: records[trace_id] for trace_id in named if trace_id in records}


def _gaps(faults: Sequence[tuple[PlannedFault, float]], signs: Sequence[float]) -> list[float]:
    gaps = []
    for _, over_at in faults:
        following = next((sign for sign in signs if sign >= over_at), None)
        if following is not None:
            gaps.append(following - over_at)
    return gaps
