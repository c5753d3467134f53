"""What a stage says about a change: it travels through the queue, as its note, into the ledger.

Wire form, UTF-8: `status TAB reason TAB channel TAB attempts TAB user_id`, a line feed, and all
else that is said as JSON, or nothing. The first line stays as it is, so that every release reads
it; what is new goes into the JSON, where a reader passes over what it does not know.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any, Final, Self

from notification_contracts.states import Status
from service_kit.values import value

from notification_ledger.reading import Target

CODE_MAX_CHARS: Final = 64
DETAIL_MAX_CHARS: Final = 300
FOREIGN_ID_MAX_CHARS: Final = 255
"""How long an id may be that others gave: a provider's of the message, a client's reference."""

# One timeline has room for several attempts at many addresses.
MAX_TARGETS: Final = 20
_TARGET_DETAIL_MAX_CHARS: Final = 100

# One encoder for all updates: `json.dumps` with arguments builds a new one each time.
_to_json: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_STATUSES = frozenset(map(str, Status))
_NOT_IN_CODES = re.compile(r"[^A-Za-z0-9_.:-]")
_CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f]")
_HEAD: Final = ("status", "reason", "channel", "attempts", "user_id")


@value
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
    message_id: str | None = None
    targets: tuple[Target, ...] | None = None
    delivery_mode: str | None = None
    tags: tuple[str, ...] | None = None
    reference: str | None = None
    is_test: bool | None = None

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
        return f"{head}\n{self._rest()}".encode("utf-8", "replace")

    def _rest(self) -> str:
        values = _rest_of(self)
        if values.count(None) == len(values):
            return ""
        given = [pair for pair in zip(_REST, values, strict=True) if pair[1] is not None]
        cleaned = ((name, _cleaned(name, value)) for name, value in given)
        said = {name: value for name, value in cleaned if value is not None}
        return _to_json(said) if said else ""

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


_MAX_CHARS: Final = {
    "detail": DETAIL_MAX_CHARS,
    "message_id": FOREIGN_ID_MAX_CHARS,
    "reference": FOREIGN_ID_MAX_CHARS,
}
_MAX_TARGET_CHARS: Final = _MAX_CHARS | {"detail": _TARGET_DETAIL_MAX_CHARS}
_REST: Final = tuple(each.name for each in fields(StatusUpdate) if each.name not in _HEAD)


_rest_of: Final = attrgetter(*_REST)


def _cleaned(name: str, value: Any) -> Any:  # noqa: ANN401 - whatever JSON takes
    match value:
        case str():
            return _clean(value, _MAX_CHARS.get(name, CODE_MAX_CHARS)) or None
        case float():
            return round(value, 1)
        case tuple():
            said = [_said_of(each) for each in value[:MAX_TARGETS]]
            return said or None
    return value


def known_fields(text: str, names: tuple[str, ...]) -> Mapping[str, Any]:
    """Return those fields of a JSON object that have one of the names; none of an empty text."""
    found = json.loads(text) if text else {}
    return {name: _READ.get(name, _as_it_is)(found[name]) for name in names if name in found}


def labels_of(said: Any) -> tuple[str, ...]:  # noqa: ANN401 - whatever JSON gives
    """Return the labels in a list that was read from JSON; what is none is passed over."""
    return tuple(each for each in said if isinstance(each, str)) if isinstance(said, list) else ()


def _targets_of(said: Any) -> tuple[Target, ...] | None:  # noqa: ANN401 - whatever JSON gives
    named = [
        {name: each[name] for name in _OF_TARGET if isinstance(each.get(name), str)}
        for each in (said if isinstance(said, list) else ())
        if isinstance(each, dict)
    ]
    return tuple(Target(**{"target": "", "outcome": "", **each}) for each in named) or None


def _as_it_is(said: Any) -> Any:  # noqa: ANN401 - whatever JSON gives
    return said


_OF_TARGET: Final = tuple(each.name for each in fields(Target))
_READ: Final[Mapping[str, Callable[[Any], Any]]] = {"tags": labels_of, "targets": _targets_of}


def _said_of(each: str | Target) -> str | Mapping[str, str]:
    if isinstance(each, str):
        return _clean(each, CODE_MAX_CHARS)
    said = ((name, getattr(each, name)) for name in _OF_TARGET)
    return {
        name: _clean(text, _MAX_TARGET_CHARS.get(name, CODE_MAX_CHARS))
        for name, text in said
        if text
    }


def _clean(text: str | None, max_chars: int | None = None) -> str:
    return _CONTROL_CHARACTERS.sub(" ", text)[:max_chars] if text else ""
