"""Scripts for the fake provider: an address says what shall happen to a message sent to it.

| e-mail at sim.example   | phone        | push token                 | what the fake does       |
|-------------------------|--------------|----------------------------|--------------------------|
| `ok@`                   | +15005550001 | `sim-ok`                   | accepts at once          |
| `fail-permanent@`       | +15005550002 | `sim-fail-permanent`       | refuses for good         |
| `fail-2-then-ok@`       | +15005550003 | `sim-fail-2-then-ok`       | fails attempts 1 and 2   |
| `slow-10s@`             | +15005550004 | `sim-slow-10s`             | accepts just within 10 s |
| `429-after-5s@`         | +15005550005 | `sim-429-after-5s`         | first says 429, wait 5 s |
| `timeout-after-accept@` | +15005550006 | `sim-timeout-after-accept` | first loses its answer   |
| `hang@`                 | +15005550007 | `sim-hang`                 | never answers            |
| `crash@`                | +15005550008 | `sim-crash`                | ends the dispatcher      |
| `gone@`                 | +15005550009 | `sim-gone`                 | says the address is gone |

The numbers in the names are free: `fail-3-then-ok@`, `slow-2s@`, and `slow-200ms@`, which accepts
after exactly that time. A tag makes addresses distinct:
`fail-2-then-ok+anna@sim.example`, `sim-ok+anna`. Any other address is one that works. Nothing is
remembered between messages: the number of the attempt decides.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from notification_contracts.states import Reason

from notification_providers.port import (
    Accepted,
    AddressGone,
    FaultSide,
    PermanentFailure,
    ProviderAnswer,
    TransientFailure,
    UncertainFailure,
)

DOMAIN = "@sim.example"
TOKEN_PREFIX = "sim-"  # noqa: S105 - the start of a push token, no secret
PHONES = {
    "+15005550001": "ok",
    "+15005550002": "fail-permanent",
    "+15005550003": "fail-2-then-ok",
    "+15005550004": "slow-10s",
    "+15005550005": "429-after-5s",
    "+15005550006": "timeout-after-accept",
    "+15005550007": "hang",
    "+15005550008": "crash",
    "+15005550009": "gone",
}
# So that `slow-10s` is answered before a provider timeout of 10 s, not in a race with it.
JUST_WITHIN = timedelta(milliseconds=200)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedCall:
    """What the fake does with one message. `wait` None means that it never answers.

    `is_fatal` is for rehearsing poison: the process ends at once, as if it had been killed.
    """

    answer: ProviderAnswer
    is_accepted: bool = False
    wait: timedelta | None = timedelta(0)
    is_fatal: bool = False


ACCEPT = SimulatedCall(answer=Accepted(), is_accepted=True)


def script_of(address: str) -> str | None:
    """Return the name of the script that this address asks for; None if it asks for none."""
    if address in PHONES:
        return PHONES[address]
    if address.endswith(DOMAIN):
        name = address.removesuffix(DOMAIN)
    elif address.startswith(TOKEN_PREFIX):
        name = address.removeprefix(TOKEN_PREFIX)
    else:
        return None
    return name.partition("+")[0]


def simulate(script: str, attempt: int, fault: FaultSide) -> SimulatedCall | None:
    """Return what to do on this attempt; None if there is no such script."""
    for pattern, run in _SCRIPTS:
        if match := pattern.fullmatch(script):
            return run(int(match.group(1) or 0) if match.groups() else 0, attempt, fault)
    return None


def _accept(_number: int, _attempt: int, _fault: FaultSide) -> SimulatedCall:
    return ACCEPT


def _fail_permanently(_number: int, _attempt: int, fault: FaultSide) -> SimulatedCall:
    return SimulatedCall(
        answer=PermanentFailure(
            reason=Reason.PROVIDER_REJECTED, detail="simulated: refused for good", fault=fault
        )
    )


def _fail_then_accept(failures: int, attempt: int, fault: FaultSide) -> SimulatedCall:
    if attempt > failures:
        return ACCEPT
    detail = f"simulated: failure {attempt} of {failures}"
    return SimulatedCall(
        answer=TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail=detail, fault=fault)
    )


def _accept_slowly(seconds: int, _attempt: int, _fault: FaultSide) -> SimulatedCall:
    return replace(ACCEPT, wait=max(timedelta(seconds=seconds) - JUST_WITHIN, timedelta(0)))


def _accept_after(milliseconds: int, _attempt: int, _fault: FaultSide) -> SimulatedCall:
    return replace(ACCEPT, wait=timedelta(milliseconds=milliseconds))


def _throttle_once(seconds: int, attempt: int, fault: FaultSide) -> SimulatedCall:
    if attempt > 1:
        return ACCEPT
    return SimulatedCall(
        answer=TransientFailure(
            reason=Reason.RATE_LIMITED,
            detail=f"simulated: 429, Retry-After: {seconds}",
            retry_after=timedelta(seconds=seconds),
            fault=fault,
        )
    )


def _lose_the_answer(_number: int, attempt: int, _fault: FaultSide) -> SimulatedCall:
    if attempt > 1:
        return ACCEPT
    return SimulatedCall(
        answer=UncertainFailure(detail="simulated: accepted, and the answer was lost"),
        is_accepted=True,
    )


def _never_answer(_number: int, _attempt: int, _fault: FaultSide) -> SimulatedCall:
    return SimulatedCall(answer=UncertainFailure(detail="simulated: no answer"), wait=None)


def _crash(_number: int, _attempt: int, _fault: FaultSide) -> SimulatedCall:
    return SimulatedCall(answer=UncertainFailure(detail="simulated: a crash"), is_fatal=True)


def _is_gone(_number: int, _attempt: int, _fault: FaultSide) -> SimulatedCall:
    detail = "simulated: no such address any more"
    return SimulatedCall(answer=AddressGone(reason=Reason.ADDRESS_GONE, detail=detail))


_SCRIPTS: tuple[tuple[re.Pattern[str], Callable[[int, int, FaultSide], SimulatedCall]], ...] = (
    (re.compile(r"ok"), _accept),
    (re.compile(r"fail-permanent"), _fail_permanently),
    (re.compile(r"fail-(\d{1,9})-then-ok"), _fail_then_accept),
    (re.compile(r"slow-(\d{1,9})s"), _accept_slowly),
    (re.compile(r"slow-(\d{1,9})ms"), _accept_after),
    (re.compile(r"429-after-(\d{1,9})s"), _throttle_once),
    (re.compile(r"timeout-after-accept"), _lose_the_answer),
    (re.compile(r"hang"), _never_answer),
    (re.compile(r"crash"), _crash),
    (re.compile(r"gone"), _is_gone),
)
