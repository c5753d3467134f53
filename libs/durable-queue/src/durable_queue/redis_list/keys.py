"""The names of all keys, and what is in them.

Every key begins with the prefix `P` = `{<namespace>:0}`, by default `{an:0}`. The braces are a
hash tag: on a cluster all keys are on one node, so that one script may touch any of them.

    key              type    holds                                             goes when
    P:e:<id>         STRING  a message's state, the truth (columns below)      forgotten
    P:b:<id>         STRING  its body, the exact bytes; kept while it is dead  it ends
    P:i:<key>        HASH    a dedupe key: id, fp(fingerprint), an(swer)       a day is over
    P:<lane>:ready   LIST    tickets "number|id", and bytes pushed by hand     popped
    P:<lane>:wait    ZSET    id -> ticket number      messages that wait       claimed
    P:<lane>:lease   ZSET    id -> deadline ms        those that workers hold  settled
    P:<lane>:delay   ZSET    id -> due ms             those not yet due        promoted
    P:<lane>:seq     STRING  the last ticket number                            never
    P:<lane>:wm      HASH    what the last search for lost tickets saw         never
    P:dead           ZSET    id -> died ms            dead letters, all lanes  replayed or deleted
    P:o:<n>          LIST    ids of what ended within the n-th 65,536 ms       forgotten
    P:o              ZSET    n -> n, of those lists                            the list is empty
    P:damaged:<ms>:… any     what was in the place of another key              never
    P:ping           STRING  when a health check last wrote                    a minute later
    P:p:<name>       STRING  ms for which a provider is paused          the pause is over

`P:<lane>:ready` is the list for foreign producers: `RPUSH {an:0}:<lane>:ready <body>`. Whatever
is pushed is adopted as a message when it is popped: under its own `trace_id` if it is a JSON object
with one that is an unknown UUIDv7, else under a new one. It is safe from then on; a consumer that
dies between BLPOP and claim takes it along, so a producer that can should go through `send`.

The first line of `P:e:<id>` has these columns, tabs between them; an empty counter is 0, and empty
columns at the end may be left out. What has ended has the first six and the end of its token. All
after the line is the recorder's.

    st    queued, leased, started, delayed, done, dead, cancelled, expired or deleted
    born  made at, ms                    over  ended, ms after that
    op    the last verdict or control, which may be repeated
    tok   token of the lease             unc   1: an earlier start may have had its effect
    ln    lane                           mx    attempts in all
    at    attempts that were used up     df    deferrals in this lane
    dl    deliveries without an outcome  am    "hold": not to be repeated after `start`
    ex    expires, ms                    du    when a delayed one is due, ms
    ws    waiting since, ms, if not born rs    resting since, ms
    rd    for how long it rests, ms      pg    how far its workers came, in their own words

The release before kept a hash of these, without `born` and `over`, and the ends in the sorted set
`P:ended`: `lua/message.lua` makes a text of it when it is read by a script that writes, and the
audit makes one of all.
"""

import re
from dataclasses import dataclass

_NAMESPACE = re.compile(r"[A-Za-z0-9._-]{1,64}")
# One letter would collide with P:e:<id> and its like.
_LANE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,127}")


@dataclass(frozen=True, slots=True)
class Keys:
    """Builds the keys that are named outside the scripts; `lua/states.lua` builds the others."""

    namespace: str = "an"

    def __post_init__(self) -> None:
        if not _NAMESPACE.fullmatch(self.namespace):
            message = f"a namespace is 1 to 64 of A-Z a-z 0-9 . _ - and not {self.namespace!r}"
            raise ValueError(message)

    @property
    def prefix(self) -> str:
        """What every key begins with."""
        return f"{{{self.namespace}:0}}"

    @property
    def messages(self) -> str:
        """A pattern that matches the hash of every message."""
        return f"{self.prefix}:e:*"

    def id_of(self, message_key: bytes) -> bytes:
        """Return the id in the key of a message's hash."""
        return message_key[len(self.prefix) + len(":e:") :]

    def body(self, message_id: str) -> str:
        """Name the bytes of a message."""
        return f"{self.prefix}:b:{message_id}"

    def dedupe(self, key: str) -> str:
        """Name the hash of a dedupe key."""
        return f"{self.prefix}:i:{key}"

    def ready(self, lane: str) -> str:
        """Name the list of a lane."""
        return f"{self.prefix}:{lane}:ready"

    def delayed(self, lane: str) -> str:
        """Name the sorted set of a lane's delayed messages."""
        return f"{self.prefix}:{lane}:delay"

    def under_way(self, lane: str) -> list[str]:
        """Name what is there only while messages of a lane wait, are leased or delayed."""
        return [f"{self.prefix}:{lane}:{part}" for part in ("wait", "ready", "lease", "delay")]

    def lane_of(self, ready_key: bytes) -> str:
        """Return the lane in the key of a lane's list."""
        return ready_key[len(self.prefix) + len(":") : -len(":ready")].decode()


def checked_lane(lane: str) -> str:
    """Return `lane`; raise ValueError if it can't be part of a key."""
    if not _LANE.fullmatch(lane):
        message = f"a lane is 2 to 128 of A-Z a-z 0-9 . _ - and not {lane!r}"
        raise ValueError(message)
    return lane
