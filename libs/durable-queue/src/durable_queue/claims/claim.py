"""What a claim consists of."""

from dataclasses import dataclass
from typing import Final

from durable_queue.claims.store import Reply, State

HELD: Final = frozenset({State.LEASED, State.STARTED, State.SETTLING})
RESERVED_STATES: Final = frozenset({State.RESERVED, State.MOVING})
HAS_ENDED: Final = frozenset({State.ENDED, State.CANCELLED})
UNSETTLED: Final = frozenset({State.SETTLING, *RESERVED_STATES})
GIVEN_UP: Final = frozenset({"dead", "exhausted", "poison", "ambiguous"})
"""Verdicts after which a message is a dead letter, whichever worker carries them out."""


@dataclass(slots=True)
class Claim:
    """One message's record. `until` is when a lease or a reservation ends, in ms since 1970.

    `deliveries` counts those without an outcome. `is_moving_on` says that the next copy's begin is
    no news of its worker. `memo` is its dead letter's reason, once it is given up. `is_uncertain`
    says that an earlier start may have had its effect; it stays. `progress` is what was said at a
    start of this revision. `lane` is
    where it was advanced to in this revision; else it is the one that its copy says.
    """

    state: State
    revision: int = 0
    token: str = ""
    until: int = 0
    deliveries: int = 0
    verdict: str = ""
    is_moving_on: bool = False
    key: str = ""
    hold: bool = False
    memo: str = ""
    is_uncertain: bool = False
    progress: str = ""
    lane: str = ""

    @property
    def said(self) -> Reply:
        """What a worker that takes it up is told besides: nothing, or the progress."""
        return (self.progress,) if self.progress else ()

    def go_on_with(self, revision: int) -> None:
        """Go on with this copy; what a newer one says is newer than what was said at a start."""
        if revision > self.revision:
            self.progress = self.lane = ""
        self.revision = revision

    def is_stale(self, revision: int) -> bool:
        """Tell whether a copy is older than what is known of its message.

        One that ended has no later copies that count: their worker was taken for dead before it
        could say so, and the message ended with the copy before.
        """
        if self.state in HAS_ENDED or revision < self.revision:
            return True
        return revision == self.revision and self.state is State.DEAD

    def lost(self, token: str, max_deliveries: int, until: int) -> Reply | None:
        """Settle on the end of a message whose holder went silent, if this is the end.

        `token` is of who carries it out, `until` when another may if that one goes silent, too.
        """
        self.is_uncertain |= self.state is State.STARTED
        if self.state is State.STARTED and self.hold:
            self.verdict = "ambiguous"
        elif self.deliveries >= max_deliveries:
            self.verdict = "poison"
        else:
            return None
        self.state, self.token, self.until, self.memo = State.SETTLING, token, until, ""
        return self.end()

    def end(self) -> Reply:
        """Say which end it was that `lost` settled on."""
        if self.verdict == "poison":
            return ("poison", self.deliveries, int(self.is_uncertain))
        return ("ambiguous",)
