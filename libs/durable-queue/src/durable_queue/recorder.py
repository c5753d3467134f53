"""How a queue reports every change to a record, in the same atomic step.

A Redis queue takes Lua source, which becomes part of its scripts; other adapters take a callable.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from durable_queue.port import Change, Note


@dataclass(frozen=True, slots=True)
class LuaRecorder:
    """Lua that defines `local function record(change, id, lane, now, due, note, uncertain)`.

    `lane` is where the message is after the change. `now` and `due` are milliseconds since 1970,
    `due` 0 where there is none; `note` is '' where the caller had nothing to say; `uncertain` is
    true for an end of which `ChangeEvent.is_uncertain` tells. It runs inside the script that makes
    the change, after the message's hash `P .. ':e:' .. id` is written; `P` is the queue's key
    prefix. It may keep fields of its own in that hash, named `n:...`, and keys of its own under
    `P`. The source also defines `local function forget(id)`, called in the script that removes an
    ended message's hash when its retention is over, before the hash goes.
    """

    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeEvent:
    """One change, as a recorder that is a callable is told of it; `lane` is the one after it.

    `is_uncertain` says of a message that ended without being done: it was started before, and
    it is unknown whether that had its effect.
    """

    change: Change
    message_id: str
    lane: str
    at: datetime
    due_at: datetime | None
    note: Note
    is_uncertain: bool = False


Recorder = Callable[[ChangeEvent], Awaitable[None] | None]
