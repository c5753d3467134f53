"""Which times a client may ask for."""

from dataclasses import dataclass
from datetime import datetime, timedelta

CLOCK_SKEW = timedelta(seconds=30)
"""A client whose clock is this much behind may still say "now"."""

HORIZON = timedelta(days=366)
"""How far ahead a notification may be scheduled."""


@dataclass(frozen=True, slots=True)
class TimeFault:
    """One time that can't be granted: where it is in the request (RFC 6901), and why."""

    pointer: str
    code: str
    message: str


def time_faults(
    send_at: datetime | None, expires_at: datetime | None, now: datetime
) -> tuple[TimeFault, ...]:
    """Name every time that can't be granted at `now`; at most one fault for each field."""
    faults = (_fault_of_send_at(send_at, now), _fault_of_expires_at(expires_at, send_at, now))
    return tuple(fault for fault in faults if fault)


def _fault_of_send_at(send_at: datetime | None, now: datetime) -> TimeFault | None:
    if send_at is None:
        return None
    if send_at < now - CLOCK_SKEW:
        return TimeFault("/send_at", "in_the_past", "must not be in the past")
    if send_at > now + HORIZON:
        return TimeFault("/send_at", "too_far", "must be at most a year ahead")
    return None


def _fault_of_expires_at(
    expires_at: datetime | None, send_at: datetime | None, now: datetime
) -> TimeFault | None:
    if expires_at is None:
        return None
    if expires_at <= now:
        return TimeFault("/expires_at", "in_the_past", "must be in the future")
    if send_at is not None and expires_at <= send_at:
        return TimeFault("/expires_at", "before_send_at", "must be later than send_at")
    return None
