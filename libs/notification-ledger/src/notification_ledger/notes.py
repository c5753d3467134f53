"""What a stage says about a change: the note that travels through the queue into the ledger.

Wire form, UTF-8: `status TAB reason TAB channel TAB attempts TAB user_id`, a line feed, and the
rest of the timeline entry as JSON, or nothing. The first line is what the ledger's Lua reads.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final, Self

from notification_contracts.states import Status

CODE_MAX_CHARS: Final = 64
DETAIL_MAX_CHARS: Final = 300

# One encoder for all notes: `json.dumps` with arguments builds a new one each time.
_to_json: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_STATUSES = frozenset(map(str, Status))
_NOT_IN_CODES = re.compile(r"[^A-Za-z0-9_.:-]")
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusNote:
    """What a stage says about a change. What is None is left as it was, or to the ledger's words.

    `attempt` is the one that this entry tells of, `attempts` how many there were in all.
    """

    status: Status
    reason: str | None = None
    detail: str | None = None
    channel: str | None = None
    provider: str | None = None
    attempt: int | None = None
    attempts: int | None = None
    duration_ms: float | None = None
    user_id: str | None = None

    def encode(self) -> bytes:
        """Return the note for a queue. What does not fit is cut, control characters replaced."""
        head = "\t".join(
            (
                self.status,
                _NOT_IN_CODES.sub("_", self.reason)[:CODE_MAX_CHARS] if self.reason else "",
                _clean(self.channel, CODE_MAX_CHARS),
                "" if self.attempts is None else str(self.attempts),
                _clean(self.user_id),
            )
        )
        return f"{head}\n{_pack(self._rest())}".encode("utf-8", "replace")

    def has_rest(self) -> bool:
        """Tell whether it says anything of which only the timeline entry tells."""
        return bool(_pack(self._rest()))

    def _rest(self) -> dict[str, Any]:
        return {
            "detail": _clean(self.detail, DETAIL_MAX_CHARS) or None,
            "provider": _clean(self.provider, CODE_MAX_CHARS) or None,
            "attempt": self.attempt,
            "duration_ms": None if self.duration_ms is None else round(self.duration_ms, 1),
        }

    @classmethod
    def decode(cls, note: bytes) -> Self | None:
        """Return what `encode` was given; None if this is no such note."""
        head, _, rest = note.decode("utf-8", "replace").partition("\n")
        fields = head.split("\t")
        if len(fields) != 5 or fields[0] not in _STATUSES:
            return None
        status, reason, channel, attempts, user_id = fields
        return cls(
            status=Status(status),
            reason=reason or None,
            channel=channel or None,
            attempts=int(attempts) if attempts else None,
            user_id=user_id or None,
            **unpack(rest),
        )


def _pack(rest: dict[str, Any]) -> str:
    present = {name: value for name, value in rest.items() if value is not None}
    return _to_json(present) if present else ""


def unpack(rest: str) -> dict[str, Any]:
    """Return the fields of a timeline entry that a note carried; others are ignored."""
    known = ("detail", "provider", "attempt", "duration_ms")
    fields = json.loads(rest) if rest else {}
    return {name: fields[name] for name in known if name in fields}


def _clean(text: str | None, max_chars: int | None = None) -> str:
    return _CONTROL_CHARACTERS.sub(" ", text)[:max_chars] if text else ""
