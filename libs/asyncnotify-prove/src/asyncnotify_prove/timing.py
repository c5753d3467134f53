"""Checks of what is promised in seconds; the readiness says which seconds count."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from asyncnotify_prove.fault_log import FaultLog
from asyncnotify_prove.outbox import Received
from asyncnotify_prove.promises import ENDED, Promise
from asyncnotify_prove.readiness import ReadinessLog
from asyncnotify_prove.timelines import APART_SECONDS, Step

IN_TIME_SECONDS: Final = 2.0
"""How long what is due, or whose lease is over, may be left."""
PICKED_UP_SECONDS: Final = 15.0
"""The same where a worker tells of it that has taken it up: one may have it, and no hand free."""
STOPPED_SECONDS: Final = 25.0
SLACK_SECONDS: Final = 2.0
"""What measuring costs: the readiness is half a second apart, a tick takes its time."""
LATE_SECONDS: Final = 3.0
"""How long a send may be under way that began before its notification expired."""

SHUT_OUT_SECONDS: Final = 5.0
HELD_SECONDS: Final = 10.0
"""How long half a request may be put up with: the time limit of a run, twice."""

TAKEN_BACK: Final = "from a worker's silence to being taken up again, less the lease"
PROMOTED: Final = "from being due to waiting for its turn"
STOPPED: Final = "from SIGTERM to the end of the process"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What of the system's settings the promises depend on; seconds. `in_hand` is how many one
    queue's workers can hold at once, `keeps_front` whether what comes back goes to the front,
    `in_time` how late what is due, or whose lease is over, may be told to be so.
    """

    lease: float
    in_hand: int = 64
    in_time: float = IN_TIME_SECONDS
    keeps_front: bool = True


@dataclass(slots=True, kw_only=True)
class Timing:
    """What was seen of a run, beside the accounts; and what it amounts to.

    `steps` are the timelines, by trace id. `measured` are seconds, by promise.
    """

    setting: Setting
    readiness: ReadinessLog
    fault_log: FaultLog
    steps: Mapping[str, Sequence[Step]]
    received: Sequence[Received]
    measured: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def breaches(self, promises: Sequence[Promise]) -> Iterator[tuple[str, str]]:
        """Say which promise of time was broken, as trace id and what is wrong."""
        for promise in promises:
            steps = self.steps.get(promise.trace_id, ())
            for breach in (
                *self._lost_leases(steps),
                *self._promotion(promise, steps),
                *self._after_expiry(promise, steps),
            ):
                yield promise.trace_id, breach
        if self.setting.keeps_front:
            yield from self._overtaken(promises)
        yield from self._sent_early_or_late(promises)
        yield from self._stops()
        yield from self._door()

    def _lost_leases(self, steps: Sequence[Step]) -> Iterator[str]:
        for before, step in itertools.pairwise(steps):
            if step.reason != "lease_lost":
                continue
            silences = self._silences(before.at, step.at)
            if not silences:
                yield (
                    f"lost its lease {step.at - before.at:.1f} s after its last step, "
                    "though no worker had died"
                )
                continue
            # Whose it was is not known; the latest that fell silent is the mildest reading.
            late = self.readiness.ready_seconds(max(silences) + self.setting.lease, step.at)
            self.measured[TAKEN_BACK].append(late)
            if late > self.setting.in_time + SLACK_SECONDS:
                yield f"was taken up again {late:.1f} s after its lease was over"

    def _silences(self, since: float, until: float) -> list[float]:
        # One second, since a death is noticed after it happened.
        silences = self.fault_log.silences(since - 1, until + 1)
        # Leases are renewed every third of their time: this much is the least that may be too much.
        troubles = self.readiness.troubles(since, until, self.setting.lease / 2)
        return silences + [min(end, until) for _, end in troubles]

    def _promotion(self, promise: Promise, steps: Sequence[Step]) -> Iterator[str]:
        for before, step in itertools.pairwise(steps):
            if promise.due_at and (before.status, step.status) == ("scheduled", "queued"):
                late = self.readiness.ready_seconds(promise.due_at, step.at)
                self.measured[PROMOTED].append(late)
                if late > self.setting.in_time + SLACK_SECONDS:
                    yield f"was promoted {late:.1f} s after it was due"
            is_delayed = before.status in {"scheduled", "retrying"}
            if promise.expires_at and is_delayed and step.status == "expired":
                late = self.readiness.ready_seconds(promise.expires_at, step.at)
                if late > self.setting.in_time + SLACK_SECONDS:
                    yield f"was found expired {late:.1f} s after it had"

    def _after_expiry(self, promise: Promise, steps: Sequence[Step]) -> Iterator[str]:
        """What expired while no dispatcher ran is not worked on any more by any."""
        expires_at = promise.expires_at
        if expires_at is None:
            return
        for start, end in self.fault_log.standstills:
            for before, step in itertools.pairwise(steps):
                # Told while none ran, so not by one that had taken it up before.
                was_free = start + 1 < before.at < expires_at < end - 0.5
                if was_free and step.at > end - 0.5 and step.status not in ENDED:
                    yield (
                        f"was {step.status} {step.at - expires_at:.1f} s after it had expired, "
                        "and no worker had taken it up before"
                    )

    def _sent_early_or_late(self, promises: Sequence[Promise]) -> Iterator[tuple[str, str]]:
        """The provider's account, for the ledger's own could be wrong."""
        by_id = {promise.trace_id: promise for promise in promises}
        for each in self.received:
            promise = by_id.get(each.trace_id)
            if promise is None:
                continue
            if promise.due_at and each.before < promise.due_at - APART_SECONDS:
                early = promise.due_at - each.before
                yield each.trace_id, f"reached the provider {early:.1f} s before it was due"
            expires_at = promise.expires_at
            # One that was frozen while it sent goes on when it wakes up.
            if expires_at and not self.fault_log.was_frozen(expires_at - LATE_SECONDS, each.before):
                late = self.readiness.ready_seconds(expires_at, each.after)
                if late > LATE_SECONDS:
                    yield each.trace_id, f"reached the provider {late:.1f} s after it had expired"

    def _overtaken(self, promises: Sequence[Promise]) -> Iterator[tuple[str, str]]:
        """What lost its worker goes to the front: those that waited then don't go before it."""
        lanes = _stays(promises, self.steps)
        for stays in lanes.values():
            returned = [stay for stay in stays if stay.is_return]
            others = [stay for stay in stays if not stay.is_return]
            for stay in returned:
                if self.fault_log.was_slow(stay.since, stay.until):
                    continue  # it may have been received first, by one that lets others overtake it
                passed = sum(
                    other.since < stay.since and stay.since < other.until < stay.until
                    for other in others
                )
                if passed > self.setting.in_hand + len(returned):
                    yield (
                        stay.trace_id,
                        f"lost its worker, and then {passed} that waited went before it",
                    )

    def _stops(self) -> Iterator[tuple[str, str]]:
        for start, end in self.fault_log.stops:
            took = self.readiness.ready_seconds(start, end)
            self.measured[STOPPED].append(end - start)
            if took > STOPPED_SECONDS:
                yield "a dispatcher", f"took {took:.1f} s to stop"

    def _door(self) -> Iterator[tuple[str, str]]:
        for start, end in self.fault_log.shut_out:
            waited = self.readiness.ready_seconds(start, end)
            if waited > SHUT_OUT_SECONDS:
                yield (
                    "the gateway",
                    f"accepted nothing for {waited:.1f} s: half-sent requests blocked it",
                )
        held = [self.readiness.ready_seconds(start, end) for start, end in self.fault_log.held_open]
        if too_long := [each for each in held if each > HELD_SECONDS]:
            yield "the gateway", f"put up with {len(too_long)} half-sent requests for too long"


@dataclass(frozen=True, slots=True)
class _Stay:
    """A notification's stay in a queue: from when until when, and whether it came back there."""

    trace_id: str
    since: float
    until: float
    is_return: bool


def _stays(
    promises: Sequence[Promise], steps: Mapping[str, Sequence[Step]]
) -> Mapping[tuple[str, str], list[_Stay]]:
    lanes: defaultdict[tuple[str, str], list[_Stay]] = defaultdict(list)
    for promise in promises:
        timeline = steps.get(promise.trace_id, ())
        for before, step in itertools.pairwise(timeline):
            if before.status == "queued" or (
                before.status == "validated" and step.status == "sending"
            ):
                harness = "validation" if before.status == "queued" else str(before.channel)
                stay = _Stay(promise.trace_id, before.at, step.at, before.reason == "lease_lost")
                lanes[harness, promise.priority].append(stay)
    return lanes
