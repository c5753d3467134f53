"""What travels with a message's bytes: headers of our own, never those that the broker counts.

`x-death` and `x-delivery-count` mean different things in different versions, and are lost on
republishing; so they are neither read nor passed on.
"""

import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Self

from pamqp.commands import Basic
from pamqp.common import FieldValue
from service_kit.epoch import from_ms, to_ms

from durable_queue.messages import MAX_ATTEMPTS

Properties = Basic.Properties

SCHEMA: Final = 1
"""Goes up if a header changes its meaning; `x-an-event`, `-stage` and `-hop` never do."""
_PERSISTENT: Final = 2
_UUID7 = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII
)
_ERROR_CHARS: Final = 1000
_LAST_MS: Final = to_ms(datetime.max.replace(tzinfo=UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """One copy of a message; times are milliseconds since 1970, 0 for none.

    `revision` counts its moves, so that old copies are known as such. `since` is when it came into
    its lane, or died. `due` is set while it waits for a time; `is_pause` says that the wait counts
    from `since`, so that it is no time of day. `error`, `change` and `note` are a dead letter's:
    why it was given up, and what was recorded then. `uncertain` says that an earlier start may have
    had its effect, `progress` how far its workers came. `schema` is the writer's.
    """

    id: str
    lane: str
    body: bytes
    revision: int = 0
    attempt: int = 1
    max_attempts: int = MAX_ATTEMPTS
    deferrals: int = 0
    expires: int = 0
    due: int = 0
    since: int = 0
    error: str = ""
    change: str = ""
    note: str = ""
    uncertain: bool = False
    progress: str = ""
    is_pause: bool = False
    schema: int = SCHEMA

    def moved(self, **changes: object) -> Self:
        """Return the next copy."""
        return replace(self, revision=self.revision + 1, schema=SCHEMA, **changes)  # type: ignore[arg-type]  # by name

    def in_lane(self, lane: str) -> Self:
        """Return this copy as one of another lane, where attempts are counted anew."""
        return replace(self, lane=lane, attempt=1, deferrals=0, due=0)

    def replayed(self, *, due: int, since: int) -> Self:
        """Return the next copy of a dead letter: as one that was never tried."""
        return self.moved(
            attempt=1,
            deferrals=0,
            error="",
            change="",
            note="",
            progress="",
            due=due,
            since=since,
            is_pause=due > 0,
        )

    @property
    def is_dead_letter(self) -> bool:
        """Whether it says why it was given up; the broker gives up without a word."""
        return bool(self.error)

    @property
    def is_schema_supported(self) -> bool:
        """Whether this release knows what its headers mean."""
        return self.schema <= SCHEMA

    @property
    def look_at(self) -> int:
        """When a delayed message must be looked at: when it is due, or when it expires."""
        return min(self.due, self.expires) if self.expires else self.due

    def properties(self) -> Properties:
        """Return what goes with the body: persistent, under a name that no other copy has.

        Headers that say nothing are left out: they would cost more than all the rest.
        """
        always: dict[str, FieldValue] = {
            "x-an-schema": self.schema,
            "x-an-event": self.id,
            "x-an-stage": self.lane,
            "x-an-hop": self.revision,
            "x-an-attempt": self.attempt,
            "x-an-attempts": self.max_attempts,
            "x-an-since-ms": self.since,
        }
        mostly_nothing: dict[str, FieldValue] = {
            "x-an-deferrals": self.deferrals,
            "x-an-expires-ms": self.expires,
            "x-an-due-ms": self.due,
            "x-an-pause": int(self.is_pause),
            "x-an-error": self.error[:_ERROR_CHARS],
            "x-an-change": self.change,
            "x-an-note": self.note,
            "x-an-uncertain": int(self.uncertain),
            "x-an-progress": self.progress,
        }
        headers = always | {name: value for name, value in mostly_nothing.items() if value}
        return Properties(
            content_type="application/json",
            delivery_mode=_PERSISTENT,
            headers=headers,
            message_id=secrets.token_hex(8),
        )

    @classmethod
    def from_amqp(cls, body: bytes, headers: Mapping[str, object], lane: str | None) -> Self | None:
        """Return what was put into the broker; None for a message that a foreign producer made.

        `lane` is the one in whose queue it was found; without one, what the headers say counts.
        """
        try:
            return cls(
                schema=_int(headers.get("x-an-schema", SCHEMA)),
                id=str(headers["x-an-event"]),
                lane=lane or str(headers["x-an-stage"]),
                body=body,
                revision=_int(headers["x-an-hop"]),
                attempt=_int(headers.get("x-an-attempt", 1)),
                max_attempts=_int(headers.get("x-an-attempts", MAX_ATTEMPTS)),
                deferrals=_int(headers.get("x-an-deferrals", 0)),
                expires=_time(headers.get("x-an-expires-ms", 0)),
                due=_time(headers.get("x-an-due-ms", 0)),
                since=_time(headers.get("x-an-since-ms", 0)),
                is_pause=bool(headers.get("x-an-pause")),
                error=str(headers.get("x-an-error", "")),
                change=str(headers.get("x-an-change", "")),
                note=str(headers.get("x-an-note", "")),
                uncertain=bool(headers.get("x-an-uncertain")),
                progress=str(headers.get("x-an-progress", "")),
            )
        except (KeyError, ValueError):
            return None


def own_id(body: bytes) -> str | None:
    """Return the `trace_id` that a foreign producer gave its message, if it is a UUIDv7."""
    try:
        given = json.loads(body)
        name = given["trace_id"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return name.lower() if isinstance(name, str) and _UUID7.fullmatch(name) else None


def new_id() -> str:
    """Make a UUIDv7 for a message that has none."""
    value = time.time_ns() // 1_000_000 << 80 | 0x7 << 76 | secrets.randbits(12) << 64
    digits = f"{value | 0b10 << 62 | secrets.randbits(62):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def ms_or_zero(at: datetime | None) -> int:
    """Return a time as envelopes have it."""
    return 0 if at is None else to_ms(at)


def time_or_none(at_ms: int) -> datetime | None:
    """Return a time of an envelope."""
    return from_ms(at_ms) if at_ms else None


def _int(value: object) -> int:
    if not isinstance(value, int):
        raise ValueError("not a whole number")  # noqa: TRY004 - the same as any other bad header
    return value


def _time(value: object) -> int:
    # What no clock shows would end whoever reckons with it, and what it reckons with besides.
    return min(max(_int(value), 0), _LAST_MS)
