"""What holders of messages ask of claims: as operations, so that one call can ask for many."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from service_kit.epoch import whole_ms

from durable_queue.claims.store import Operation, Reply
from durable_queue.recorder import ChangeEvent


@dataclass(frozen=True, slots=True)
class BeginReply:
    """The reply to taking up a message, or to losing it, in the words of `store`."""

    token: str
    code: str
    number: int = 0
    was: str = ""
    memo: str = ""
    is_uncertain: bool = False
    progress: str = ""
    lane: str = ""


class LeaseTerms:
    """How long a claim lasts, and when a message counts as poison; and what is asked under them."""

    def __init__(self, *, lease: timedelta, max_deliveries: int) -> None:
        self.lease_ms = whole_ms(lease)
        self.max_deliveries = max_deliveries

    def begin(
        self, message_id: str, revision: int, token: str, *, is_uncertain: bool, lane: str
    ) -> Operation:
        """Try to take up a copy that arrived in a lane; `begin_reply` reads the reply."""
        terms = (self.lease_ms, self.max_deliveries)
        uncertain = int(is_uncertain)
        return Operation("begin", (message_id, revision, token, *terms, uncertain, lane))

    def start(
        self,
        message_id: str,
        token: str,
        revision: int,
        *,
        hold: bool,
        progress: str | None,
        events: Sequence[ChangeEvent],
    ) -> Operation:
        """Pass the point of no return, unless the claim is over.

        With `hold` the message is not repeated if its holder goes silent from here on.
        """
        # A server of an earlier release knows no progress: it is told of none where there is none.
        said = (progress,) if progress else ()
        arguments = (message_id, token, revision, self.lease_ms, int(hold), *said)
        return Operation("start", arguments, events)

    def advance(
        self,
        message_id: str,
        token: str,
        revision: int,
        *,
        hold: bool,
        lane: str,
        progress: str | None,
        events: Sequence[ChangeEvent],
    ) -> Operation:
        """Start it in another lane: from here on its copy counts there."""
        said = (progress,) if progress else ()
        arguments = (message_id, token, revision, self.lease_ms, int(hold), lane, *said)
        return Operation("advance", arguments, events)

    def renew(self, message_id: str, token: str, revision: int) -> Operation:
        """Extend the lease, unless the claim is over."""
        return Operation("renew", (message_id, token, revision, self.lease_ms))


def finish(
    message_id: str, token: str, revision: int, verdict: str, event: ChangeEvent
) -> Operation:
    """Settle on a verdict after which nothing is left to do, unless the claim is over."""
    return Operation("finish", (message_id, token, revision, verdict), (event,))


def is_ours(reply: Reply) -> bool:
    """Tell whether the claim was not over."""
    return reply[0] != "lost"


def begin_reply(token: str, reply: Reply) -> BeginReply:
    """Read the reply to a `begin`."""
    match tuple(reply):
        case "go", number, was, uncertain, *said:
            return BeginReply(
                token,
                "go",
                int(number),
                str(was),
                is_uncertain=bool(uncertain),
                progress=str(said[0]) if said else "",
            )
        case "bury", memo, uncertain:
            return BeginReply(token, "bury", memo=str(memo), is_uncertain=bool(uncertain))
        case "poison", number, uncertain:
            return BeginReply(token, "poison", int(number), is_uncertain=bool(uncertain))
        case "busy", number, *lane:
            return BeginReply(token, "busy", int(number), lane=str(lane[0]) if lane else "")
        case "elsewhere", lane:
            return BeginReply(token, "elsewhere", lane=str(lane))
    code = str(reply[0])
    return BeginReply(token, code, is_uncertain=code == "ambiguous")
