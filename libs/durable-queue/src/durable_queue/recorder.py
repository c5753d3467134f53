"""How a queue reports every change to a record, in the same atomic step.

A Redis queue takes Lua source, which becomes part of its scripts; other adapters take a callable.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from durable_queue.port import Change, Note


@dataclass(frozen=True, slots=True)
class LuaRecorder:
    """Lua that becomes part of the scripts, and defines these local functions.

    It is local declarations and comments, each from the start of a line, and runs when a script
    first needs one of them.

    `opened(told, born)` returns what it keeps of a message, from `told`, the text that `closed`
    returned for it before, '' at first. `record(change, id, lane, now, due, note, uncertain, kept)`
    is told of each change of it; `closed(id, kept)` comes once after all changes of a script, and
    returns the new text. They run inside the script that makes the change; they may keep keys of
    their own under `P`, the queue's key prefix.

    `lane` is where the message is after the change. `born`, `now` and `due` are milliseconds since
    1970, `due` 0 where there is none; `note` is '' where the caller had nothing to say; `uncertain`
    is true for an end of which `ChangeEvent.is_uncertain` tells.

    `forget(id, told, born, over)` comes before an ended message's text is removed; `over` is when
    it ended. `former(id, hash)` returns `told` and `born` of a hash that the release before kept.
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
