"""Short, dense runs, each of which brings out certain faults of the product."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from asyncnotify_prove.backing import Backing
from asyncnotify_prove.faults import AHEAD, BEHIND, Fault, PlannedFault
from asyncnotify_prove.harness import Harness
from asyncnotify_prove.load import Load
from asyncnotify_prove.report import Outcome
from asyncnotify_prove.requests import KINDS, UNTIMED_KINDS, Kind
from asyncnotify_prove.run import Run
from asyncnotify_prove.session import settings

SCHEDULED = Kind(user_id="prove-ok", weight=60, delay=(1, 6))
SLOW = Kind(user_id="prove-slow", priority="normal", repeats=0)


@dataclass(frozen=True, kw_only=True)
class ShortPlan:
    count: int
    seconds: float
    lease: float = 3
    kinds: Sequence[Kind] = KINDS
    faults: Sequence[tuple[float, Fault] | tuple[float, Fault, str]] = ()
    environment: Mapping[str, str] = field(default_factory=dict)

    async def run(self, folder: Path, backing: Backing, **environment: str) -> Outcome:
        harness = Harness(
            folder,
            backing=backing,
            environment=settings(self.lease) | dict(self.environment) | environment,
            sets_clock=any(each[1] is Fault.BROKER_CLOCK_JUMP for each in self.faults),
        )
        async with AsyncExitStack() as stack:
            stack.push_async_callback(harness.stop)
            await harness.start()
            run = Run(
                harness=harness,
                load=Load(harness.url, self.count, self.seconds, seed=1, kinds=self.kinds),
                faults=[PlannedFault(*each) for each in self.faults],
                backing=backing,
                note=print,
                say=print,
            )
            return await run.prove()


PLANS = {
    "calm": ShortPlan(
        count=450, seconds=8, kinds=[replace(kind, repeats=1) for kind in (*KINDS, SCHEDULED)]
    ),
    "deaths": ShortPlan(
        count=400,
        seconds=12,
        kinds=(*KINDS, Kind(user_id="prove-slow", weight=40)),
        faults=[
            (0.2, Fault.FREEZE_DISPATCHER),
            (0.4, Fault.FREEZE_DISPATCHER),
            (6, Fault.KILL_DISPATCHER),
            (8, Fault.KILL_DISPATCHER),
        ],
    ),
    "queue": ShortPlan(
        count=100,
        seconds=1,
        kinds=[SLOW],
        # Again and again, for one that has just been started may hold nothing.
        faults=[(at, Fault.KILL_DISPATCHER) for at in (3, 6, 9)],
        environment={"DISPATCHER_CONCURRENCY": "2"},
    ),
    "expiries": ShortPlan(
        count=450,
        seconds=12,
        kinds=(*KINDS, Kind(user_id="prove-ok", weight=80, life=(0.3, 3))),
        faults=[
            (0.5, Fault.SLOW_DISPATCHER),
            (5, Fault.FREEZE_ALL_DISPATCHERS),
            (9, Fault.FREEZE_ALL_DISPATCHERS),
        ],
    ),
    # All take longer than a lease for each: nothing is sent unless its lease is renewed.
    "renewals": ShortPlan(
        count=20,
        seconds=4,
        kinds=[Kind(user_id="prove-ok", repeats=0, life=(20, 25))],  # else it would not end
        environment={"AN_FAILPOINT": "worker.after_start:sleep=5"},
    ),
    "deploys": ShortPlan(
        count=300,
        seconds=12,
        lease=8,
        kinds=(*KINDS, Kind(user_id="prove-slow", weight=200)),
        faults=[(at, Fault.TERMINATE_DISPATCHER) for at in (2, 5, 8, 11)],
    ),
    "replies": ShortPlan(
        count=500,
        seconds=22,
        lease=12,
        # Often, for only what is asked first loses its reply: all else waits for that.
        faults=[(at, Fault.DROP_REPLIES) for at in range(1, 22, 2)],
    ),
    "clocks": ShortPlan(
        count=400,
        seconds=14,
        faults=[
            (0.2, Fault.WRONG_CLOCK, AHEAD),
            (0.4, Fault.WRONG_CLOCK, BEHIND),
            (6, Fault.CLOCK_JUMP, AHEAD),
            (6.2, Fault.CLOCK_JUMP, BEHIND),
        ],
    ),
    "the broker's clock": ShortPlan(
        count=400,
        seconds=20,
        kinds=UNTIMED_KINDS,
        faults=[(2, Fault.BROKER_CLOCK_JUMP, AHEAD), (12, Fault.BROKER_CLOCK_JUMP, BEHIND)],
    ),
    "company": ShortPlan(count=200, seconds=6, faults=[(1, Fault.POISON), (2, Fault.HALF_SENT)]),
}


@pytest.fixture(params=list(PLANS))
def plan(request: pytest.FixtureRequest) -> ShortPlan:
    return PLANS[request.param]


@pytest.fixture
def plans() -> Mapping[str, ShortPlan]:
    return PLANS
