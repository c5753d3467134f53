"""What is done to the system, and when: a plan that a seed decides."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Fault(StrEnum):
    """One kind of trouble."""

    KILL_GATEWAY = "kill-gateway"
    KILL_PUBLISHER = "kill-publisher"
    KILL_DISPATCHER = "kill-dispatcher"
    KILL_USER_SERVICE = "kill-user-service"
    TERMINATE_DISPATCHER = "terminate-dispatcher"
    FREEZE_DISPATCHER = "freeze-dispatcher"
    FREEZE_ALL_DISPATCHERS = "freeze-all-dispatchers"
    SLOW_DISPATCHER = "slow-dispatcher"
    KILL_BROKER = "kill-broker"
    RESTART_BROKER = "restart-broker"
    BROKER_ALARM = "broker-alarm"
    KILL_LEDGER = "kill-ledger"
    CUT_CONNECTIONS = "cut-connections"
    STALL_CONNECTIONS = "stall-connections"
    DROP_REPLIES = "drop-replies"
    STALL_USER_SERVICE = "stall-user-service"
    FAILPOINT = "failpoint"
    WRONG_CLOCK = "wrong-clock"
    CLOCK_JUMP = "clock-jump"
    BROKER_CLOCK_JUMP = "broker-clock-jump"
    POISON = "poison"
    HALF_SENT = "half-sent"
    PROVIDER_DOWN = "provider-down"
    PROVIDER_HANGS_UP = "provider-hangs-up"
    PROVIDER_LOSES_ANSWERS = "provider-loses-answers"
    PROVIDER_IS_SILENT = "provider-is-silent"
    PROVIDER_THROTTLES = "provider-throttles"


MEANING: Final = {
    Fault.KILL_GATEWAY: "kill -9 of the gateway",
    Fault.KILL_PUBLISHER: "kill -9 of the notification-publisher",
    Fault.KILL_DISPATCHER: "kill -9 of a notification-dispatcher",
    Fault.KILL_USER_SERVICE: "kill -9 of the user-service",
    Fault.TERMINATE_DISPATCHER: "SIGTERM to a notification-dispatcher, as a deploy does",
    Fault.FREEZE_DISPATCHER: "one more dispatcher, frozen beyond its leases, that wakes up late",
    Fault.FREEZE_ALL_DISPATCHERS: "freeze all dispatchers for 4 s",
    Fault.SLOW_DISPATCHER: "one more dispatcher that takes longer than a lease for each",
    Fault.KILL_BROKER: "kill -9 of the broker, then start it again",
    Fault.RESTART_BROKER: "stop the broker gracefully, then start it again",
    Fault.BROKER_ALARM: "have RabbitMQ take nothing for 3 s, as when its memory is full",
    Fault.KILL_LEDGER: "kill -9 of the Redis that keeps the records, then start it again",
    Fault.CUT_CONNECTIONS: "reset all connections to broker and ledger",
    Fault.STALL_CONNECTIONS: "let nothing through to or from broker and ledger for 3 s",
    Fault.DROP_REPLIES: "execute what is asked of broker and ledger, but swallow replies for 1 s",
    Fault.STALL_USER_SERVICE: "freeze the user-service for 6 s",
    Fault.FAILPOINT: "one more dispatcher that dies at a named line of the code",
    Fault.WRONG_CLOCK: "one more dispatcher, whose clock is an hour off",
    Fault.CLOCK_JUMP: "one more dispatcher, whose clock jumps by an hour while it works",
    Fault.BROKER_CLOCK_JUMP: "the clock of the run's Redis jumps by an hour, and back after 5 s",
    Fault.POISON: "a notification that ends every dispatcher that sends it",
    Fault.HALF_SENT: "400 connections to the gateway that stop within a head or a body",
    Fault.PROVIDER_DOWN: "all providers are down for 4 s; what was under way is broken off",
    Fault.PROVIDER_HANGS_UP: "each provider hangs up on 5 messages before it takes them",
    Fault.PROVIDER_LOSES_ANSWERS: "each provider takes 5 messages, and hangs up without an answer",
    Fault.PROVIDER_IS_SILENT: "each provider never answers 5 messages, taken or not",
    Fault.PROVIDER_THROTTLES: "each provider refuses 5 messages for now; those on HTTP for 2 s",
}

FAILPOINTS: Final = (
    "worker.after_receive",
    "worker.after_start",
    "provider.after_accept",
    "worker.before_settle",
    "worker.after_settle",
)
REDIS_FAILPOINTS: Final = (*FAILPOINTS, "worker.after_pop")
RABBITMQ_FAILPOINTS: Final = (*FAILPOINTS, "queue.after_decide", "queue.after_put")

PROVIDER_FAULTS: Final = frozenset(
    {
        Fault.PROVIDER_DOWN,
        Fault.PROVIDER_HANGS_UP,
        Fault.PROVIDER_LOSES_ANSWERS,
        Fault.PROVIDER_IS_SILENT,
        Fault.PROVIDER_THROTTLES,
    }
)
CLOCK_FAULTS: Final = frozenset({Fault.WRONG_CLOCK, Fault.CLOCK_JUMP, Fault.BROKER_CLOCK_JUMP})
BY_NAME_ONLY: Final = {
    Fault.BROKER_CLOCK_JUMP: "only by name, for what is scheduled or expires goes by that clock"
}
AHEAD: Final = "an hour ahead"
BEHIND: Final = "an hour behind"

SECONDS_BETWEEN: Final = 3.0
QUIET_START: Final = 0.05
QUIET_END: Final = 0.92


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault, and when it happens: seconds after the first notification is sent."""

    at_seconds: float
    fault: Fault
    detail: str = ""


def plan(
    faults: Sequence[Fault],
    seconds: float,
    seed: int,
    failpoints: Sequence[str] = REDIS_FAILPOINTS,
) -> list[PlannedFault]:
    """Spread faults over a run, each kind as often as the others; the same seed, the same plan."""
    if not faults:
        return []
    chance = random.Random(seed)  # noqa: S311 - chaos, not cryptography
    count = max(len(faults), int(seconds / SECONDS_BETWEEN))
    kinds: list[Fault] = []
    while len(kinds) < count:
        kinds += chance.sample(list(faults), len(faults))
    if Fault.POISON in kinds:  # it takes ten leases, and once is enough
        kinds = [Fault.POISON, *(kind for kind in kinds if kind is not Fault.POISON)]
    step = seconds * (QUIET_END - QUIET_START) / count
    return [
        PlannedFault(
            at_seconds=round(seconds * QUIET_START + step * (number + chance.random() * 0.8), 2),
            fault=kind,
            detail=_detail(kind, chance, failpoints),
        )
        for number, kind in enumerate(kinds[:count])
    ]


def _detail(fault: Fault, chance: random.Random, failpoints: Sequence[str]) -> str:
    if fault is Fault.FAILPOINT:
        return chance.choice(failpoints)
    return chance.choice((AHEAD, BEHIND)) if fault in CLOCK_FAULTS else ""


def parse_faults(text: str, possible: Sequence[Fault] = tuple(Fault)) -> list[Fault]:
    """Read a comma separated list; `all` and `none` are understood, `all` as those in `possible`.

    Raises:
        ValueError: a name is no fault; names those that there are.
    """
    if text == "all":
        return list(possible)
    if text == "none":
        return []
    known = {str(fault) for fault in Fault}
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise ValueError(f"{name!r} is not a fault; known: all, none, {', '.join(known)}")
    return [Fault(name) for name in names]
