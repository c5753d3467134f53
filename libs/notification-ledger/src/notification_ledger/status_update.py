"""What a stage says about a change: it travels through the queue, as its note, into the ledger.

Wire form, UTF-8: `status TAB reason TAB channel TAB attempts TAB user_id`, a line feed, and all
else that is said as JSON, or nothing. The first line stays as it is, so that every release reads
it; what is new goes into the JSON, where a reader passes over what it does not know.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final, Self

from notification_contracts.states import Status

CODE_MAX_CHARS: Final = 64
DETAIL_MAX_CHARS: Final = 300

# One encoder for all updates: `json.dumps` with arguments builds a new one each time.
_to_json: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_STATUSES = frozenset(map(str, Status))
_NOT_IN_CODES = re.compile(r"[^A-Za-z0-9_.:-]")
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f]")
_HEAD: Final = ("status", "reason", "channel", "attempts", "user_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusUpdate:
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
        rest = {name: value for name in _REST if (value := self._cleaned(name)) is not None}
        return f"{head}\n{_to_json(rest) if rest else ''}".encode("utf-8", "replace")

    def _cleaned(self, name: str) -> Any:  # noqa: ANN401 - whatever JSON takes
        match value := getattr(self, name):
            case str():
                cut = DETAIL_MAX_CHARS if name == "detail" else CODE_MAX_CHARS
                return _clean(value, cut) or None
            case float():
                return round(value, 1)
        return value

    @classmethod
    def decode(cls, note: bytes) -> Self | None:
        """Return what `encode` was given; None if this is no such note."""
        head, _, rest = note.decode("utf-8", "replace").partition("\n")
        columns = head.split("\t")
        if len(columns) < len(_HEAD) or columns[0] not in _STATUSES:
            return None
        status, reason, channel, attempts, user_id = columns[: len(_HEAD)]
        return cls(
            status=Status(status),
            reason=reason or None,
            channel=channel or None,
            attempts=int(attempts) if attempts else None,
            user_id=user_id or None,
            **known_fields(rest, _REST),
        )


_REST: Final = tuple(each.name for each in fields(StatusUpdate) if each.name not in _HEAD)


def known_fields(text: str, names: tuple[str, ...]) -> Mapping[str, Any]:
    """Return those fields of a JSON object that have one of the names; none of an empty text."""
    found = json.loads(text) if text else {}
    return {name: found[name] for name in names if name in found}


def _clean(text: str | None, max_chars: int | None = None) -> str:
    return _CONTROL_CHARACTERS.sub(" ", text)[:max_chars] if text else ""
