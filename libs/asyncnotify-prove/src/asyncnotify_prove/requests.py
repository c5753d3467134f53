"""What the clients of a chaos run ask for: a mixture that a seed decides."""

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from asyncnotify_prove.promises import JsonObject

USERS: Final[dict[str, JsonObject]] = {
    "prove-ok": {"email": "ok@sim.example", "sms": "+15005550001", "push": "sim-ok"},
    "prove-slow": {"email": "slow-1s@sim.example", "sms": "+15005550001", "push": "sim-slow-1s"},
    "prove-flaky": {"email": "fail-2-then-ok@sim.example"},
    "prove-throttled": {"email": "429-after-1s@sim.example"},
    "prove-unsure": {"email": "timeout-after-accept@sim.example"},
    "prove-held": {"email": "ok@sim.example", "push": "sim-timeout-after-accept"},
    "prove-refused": {"email": "fail-permanent@sim.example"},
    "prove-poison": {"email": "crash@sim.example"},
}
HELD_CHANNEL: Final = "push"
"""The channel on which nothing is sent again that may have been sent."""
LAB_HELD_CHANNELS: Final = frozenset({"push", "sms"})
"""The same in front of the lab: there a provider can be asked, or knows what is sent again."""
ASKABLE_CHANNELS: Final = frozenset({"sms"})
"""In front of the lab: those whose provider can be asked what became of a message."""

Span = tuple[float, float]
"""From how many seconds to how many; chance decides."""

_PRIORITIES: Final = ("low", "normal", "normal", "high")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of request, how it may end, and how often it is sent relative to the others.

    `delay` is until it is to be sent, `life` from then until it expires, `cancel` from its 202
    until somebody withdraws it; all in seconds. `repeats` is the share that is asked for again.
    """

    user_id: str
    expected: str = "sent"
    weight: int = 1
    channel: str | None = None
    priority: str | None = None
    delay: Span | None = None
    life: Span | None = None
    cancel: Span | None = None
    repeats: float = 0.25

    @property
    def is_untimed(self) -> bool:
        """Whether it holds whatever time of day it is for the broker."""
        return not self.delay and not self.life

    def outcomes(self, held: Collection[str] = (HELD_CHANNEL,)) -> frozenset[str]:
        """Return the ends that keep the promise, if these channels hold what is uncertain."""
        return (
            frozenset({self.expected})
            | ({"expired", "expired:ambiguous"} if self.life else set())
            | ({"cancelled", "cancelled:ambiguous"} if self.cancel else set())
            # It is unknown what a worker that died had sent by then.
            | ({"failed:ambiguous"} if self.channel in held else set())
        )


_ONE_NUMBER: Final = Kind(user_id="prove-ok", weight=8, channel="sms")
KINDS: Final = (
    Kind(user_id="prove-ok", weight=28),
    _ONE_NUMBER,
    Kind(user_id="prove-ok", weight=8, channel="push"),
    Kind(user_id="prove-ok", weight=8, delay=(1, 8)),
    Kind(user_id="prove-ok", weight=8, life=(0.5, 8)),
    Kind(user_id="prove-ok", weight=3, delay=(1, 5), life=(0.5, 5)),
    Kind(user_id="prove-ok", weight=4, cancel=(0, 1)),
    Kind(user_id="prove-ok", weight=3, delay=(1, 5), cancel=(0, 6)),
    Kind(user_id="prove-slow", weight=5),
    Kind(user_id="prove-slow", weight=4, cancel=(0, 2)),
    Kind(user_id="prove-slow", weight=2, channel="push"),
    Kind(user_id="prove-flaky", weight=6),
    Kind(user_id="prove-flaky", weight=2, life=(1, 6)),
    Kind(user_id="prove-throttled", weight=3),
    Kind(user_id="prove-unsure", weight=2),
    Kind(user_id="prove-unsure", weight=2, cancel=(0, 3)),
    Kind(user_id="prove-unsure", weight=2, life=(0.5, 2)),
    Kind(user_id="prove-held", weight=1, channel="push", expected="failed:ambiguous"),
    Kind(user_id="prove-refused", weight=3, expected="failed:provider_rejected"),
    Kind(user_id="prove-refused", weight=2, channel="sms", expected="failed:no_address"),
    Kind(user_id="prove-nobody", weight=2, expected="failed:unknown_user"),
)

UNTIMED_KINDS: Final = tuple(kind for kind in KINDS if kind.is_untimed)

SMS_USERS: Final[dict[str, JsonObject]] = {
    f"prove-sms-{number}": {"sms": f"+1202555{number:04}"} for number in range(100, 116)
}
"""In front of the lab: whoever is asked for messages to one number lists only so many of them."""

LAB_USERS: Final = frozenset({"prove-ok", "prove-slow", "prove-refused", "prove-nobody"})
LAB_KINDS: Final = (
    *(each for each in KINDS if each.user_id in LAB_USERS and each != _ONE_NUMBER),
    *(Kind(user_id=user_id, channel="sms") for user_id in SMS_USERS),
)
"""Those for which a wire does what a fake would: the lab does not count attempts."""

POISON: Final = Kind(user_id="prove-poison", expected="failed:poison", repeats=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRequest:
    """One request, with what chance decided. Times are seconds, None where it has none.

    `delay` and `life` count from when it is first sent, `cancel` from its 202, `repeats` from when
    it is first sent: at these times somebody else sends the same under the same key.
    """

    key: str
    kind: Kind
    priority: str
    delay: float | None
    life: float | None
    cancel: float | None
    repeats: tuple[float, ...]


def plan_requests(kinds: Sequence[Kind], count: int, seed: int) -> Iterator[PlannedRequest]:
    """Draw `count` requests; the same seed draws the same."""
    chance = random.Random(seed)  # noqa: S311 - a load, not cryptography
    drawn = chance.choices(kinds, weights=[kind.weight for kind in kinds], k=count)
    for number, kind in enumerate(drawn):
        yield PlannedRequest(
            key=f"prove-{seed}-{number}",
            kind=kind,
            priority=kind.priority or chance.choice(_PRIORITIES),
            delay=_within(kind.delay, chance),
            life=_within(kind.life, chance),
            cancel=_within(kind.cancel, chance),
            repeats=_repeats(kind, chance),
        )


def body_of(planned: PlannedRequest, now: float) -> JsonObject:
    """Return the request's body if it is first sent at `now`, in seconds since 1970."""
    body: JsonObject = {
        "user_id": planned.kind.user_id,
        "message": planned.key,
        "priority": planned.priority,
    }
    if planned.kind.channel:
        body["channel"] = planned.kind.channel
    if due_at := due(planned, now):
        body["send_at"] = _written(due_at)
    if expires_at := expiry(planned, now):
        body["expires_at"] = _written(expires_at)
    return body


def due(planned: PlannedRequest, now: float) -> float | None:
    """Return when it is to be sent; None if that is at once."""
    return None if planned.delay is None else now + planned.delay


def expiry(planned: PlannedRequest, now: float) -> float | None:
    """Return when it expires; None if it does not."""
    return None if planned.life is None else (due(planned, now) or now) + planned.life


def _written(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds")


def _within(span: Span | None, chance: random.Random) -> float | None:
    return None if span is None else round(chance.uniform(*span), 3)


def _repeats(kind: Kind, chance: random.Random) -> tuple[float, ...]:
    if chance.random() >= kind.repeats:
        return ()
    # At the same moment, and when it has been accepted long since.
    return (0.0, round(chance.uniform(0.1, 5), 2))
