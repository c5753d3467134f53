"""Claims in this process's memory: the reference for every store; `store` lists the operations."""

from collections.abc import Callable
from typing import Final

from durable_queue.claims.claim import GIVEN_UP, HAS_ENDED, HELD, RESERVED_STATES, UNSETTLED, Claim
from durable_queue.claims.senders import SendersClaims
from durable_queue.claims.store import Argument, Reply, State
from durable_queue.clock import steady_ms

_OPERATIONS: Final = (
    *("reserve", "doubt", "free", "recall", "record", "begin", "start", "advance", "decide"),
    *("explain", "finish", "settled", "renew", "lose", "hand_back", "cancel", "move", "audit"),
)
_LOST: Final = ("lost",)
_OK: Final = ("ok",)
_AGAIN: Final = ("again",)


class ClaimStateMachine(SendersClaims):
    """Claims in memory. When there are more than `max_ended`, those that ended first go."""

    def __init__(self, *, now: Callable[[], int] = steady_ms, max_ended: int = 200_000) -> None:
        super().__init__(now=now, max_ended=max_ended)
        self._operations: dict[str, Callable[..., Reply]] = {
            name: getattr(self, f"_{name}") for name in _OPERATIONS
        }

    def apply(self, operation: str, *arguments: Argument) -> Reply:
        """Carry out one operation."""
        return self._operations[operation](*arguments)

    def is_uncertain(self, id_: str) -> bool:
        """Tell whether an earlier start of a message may have had its effect."""
        claim = self._claims.get(id_)
        return claim is not None and claim.is_uncertain

    def _record(self, _: str) -> Reply:
        return _OK

    def _begin(
        self,
        id_: str,
        revision: int,
        token: str,
        lease_ms: int,
        max_deliveries: int,
        uncertain: int,
        lane: str = "",
    ) -> Reply:
        now = self._now()
        claim = self._claims.setdefault(id_, Claim(State.WAITING, revision=revision))
        claim.is_uncertain |= bool(uncertain)
        if claim.is_stale(revision):
            return ("stale",)
        if claim.state in RESERVED_STATES and claim.until > now:
            return ("wait",)
        if elsewhere := self._elsewhere(claim, revision, lane):
            return elsewhere
        was = claim.state.value if claim.state in RESERVED_STATES else ""
        if claim.state is State.LEASED and (claim.token, claim.revision) == (token, revision):
            # Asked again, for its reply was lost.
            return ("go", claim.deliveries, "", int(claim.is_uncertain), *claim.said)
        if claim.state in HELD and revision == claim.revision:
            if held := self._still_held(claim, token, lease_ms, max_deliveries):
                return held
            was = State.LEASED.value
        if revision > claim.revision and not claim.is_moving_on:
            claim.deliveries = 0
        claim.go_on_with(revision)
        claim.state, claim.token = State.LEASED, token
        claim.until, claim.verdict, claim.memo = now + lease_ms, "", ""
        claim.is_moving_on = False
        claim.deliveries += 1
        return ("go", claim.deliveries, was, int(claim.is_uncertain), *claim.said)

    def _elsewhere(self, claim: Claim, revision: int, lane: str) -> Reply | None:
        """Say in which lane an advanced message is, to who found its copy in another."""
        if not lane or revision != claim.revision or claim.lane in {"", lane}:
            return None
        left_ms = claim.until - self._now()
        if claim.state in HELD and left_ms > 0:
            return ("busy", left_ms, claim.lane)
        return ("elsewhere", claim.lane)

    def _still_held(
        self, claim: Claim, token: str, lease_ms: int, max_deliveries: int
    ) -> Reply | None:
        """Say why a message that somebody took up can't be taken over; None if it can."""
        now = self._now()
        if claim.until > now:
            return ("busy", claim.until - now)
        if claim.state is State.SETTLING and claim.verdict in GIVEN_UP:
            # This much is decided, and may be on record; what is left is to carry it out.
            claim.token, claim.until = token, now + lease_ms
            return ("bury", claim.memo, int(claim.is_uncertain)) if claim.memo else claim.end()
        return claim.lost(token, max_deliveries, now + lease_ms)

    def _start(
        self, id_: str, token: str, revision: int, lease_ms: int, hold: int, progress: str = ""
    ) -> Reply:
        claim = self._held(id_, token, revision)
        if claim is None or claim.state not in {State.LEASED, State.STARTED}:
            return _LOST
        reply = _AGAIN if claim.state is State.STARTED else _OK
        claim.state, claim.until, claim.hold = State.STARTED, self._now() + lease_ms, bool(hold)
        claim.progress = progress or claim.progress
        return reply

    def _advance(
        self,
        id_: str,
        token: str,
        revision: int,
        lease_ms: int,
        hold: int,
        lane: str,
        progress: str = "",
    ) -> Reply:
        claim = self._held(id_, token, revision)
        if claim is None or claim.state not in {State.LEASED, State.STARTED}:
            return _LOST
        reply = _AGAIN if claim.lane == lane else _OK
        if claim.lane != lane:
            claim.lane, claim.deliveries = lane, 1
        claim.state, claim.until, claim.hold = State.STARTED, self._now() + lease_ms, bool(hold)
        claim.progress = progress or claim.progress
        return reply

    def _decide(  # noqa: PLR0913, PLR0917 - as it comes over the wire
        self,
        id_: str,
        token: str,
        revision: int,
        verdict: str,
        lease_ms: int,
        max_deliveries: int,
        memo: str,
        uncertain: int,
    ) -> Reply:
        claim = self._open_to_a_verdict(id_, token, revision)
        if not isinstance(claim, Claim):
            return _AGAIN if claim == verdict else _LOST
        claim.state, claim.verdict, claim.until = State.SETTLING, verdict, self._now() + lease_ms
        claim.is_moving_on, claim.memo = verdict == "release", memo
        claim.is_uncertain |= bool(uncertain)
        if verdict == "release" and claim.deliveries >= max_deliveries:
            return ("poison", claim.deliveries)
        return _OK

    def _explain(self, id_: str, token: str, memo: str) -> Reply:
        """Keep why a message was given up whose workers were lost: once, with its record."""
        claim = self._claims.get(id_)
        if claim is None or claim.token != token or claim.state is not State.SETTLING:
            return _LOST
        if claim.verdict not in GIVEN_UP or claim.memo:
            return _LOST
        claim.memo = memo
        return _OK

    def _finish(self, id_: str, token: str, revision: int, verdict: str) -> Reply:
        claim = self._open_to_a_verdict(id_, token, revision)
        if not isinstance(claim, Claim):
            return _AGAIN if claim == verdict else _LOST
        claim.verdict = verdict
        self._end(id_, claim, State.ENDED)
        return _OK

    def _settled(self, id_: str, token: str, revision: int, state: str, suspect: int) -> Reply:
        claim = self._claims.get(id_)
        if claim is None or claim.token != token or claim.state not in UNSETTLED:
            return _LOST
        claim.go_on_with(revision)
        claim.state, claim.memo = State(state), ""
        if not suspect:
            claim.deliveries, claim.is_moving_on = 0, False
        if claim.state is State.ENDED:
            self._end(id_, claim, claim.state)
        return _OK

    def _renew(self, id_: str, token: str, revision: int, lease_ms: int) -> Reply:
        claim = self._held(id_, token, revision)
        if claim is None or claim.state not in HELD:
            return _LOST
        claim.until = self._now() + lease_ms
        return _OK

    def _lose(self, id_: str, token: str, max_deliveries: int, lease_ms: int) -> Reply:
        claim = self._claims.get(id_)
        if claim is None or claim.token != token or claim.state not in HELD - {State.SETTLING}:
            return _LOST
        if gone := claim.lost(token, max_deliveries, self._now() + lease_ms):
            return gone
        claim.state, claim.token = State.WAITING, ""
        return ("waiting", claim.lane) if claim.lane else ("waiting",)

    def _hand_back(self, id_: str, token: str) -> Reply:
        claim = self._claims.get(id_)
        if claim and claim.token == token and claim.state is State.LEASED:
            claim.state, claim.token, claim.deliveries = State.WAITING, "", claim.deliveries - 1
        return _OK

    def _cancel(self, id_: str) -> Reply:
        claim = self._claims.get(id_)
        if claim is None:
            return ("unknown",)
        is_moving = claim.state is State.SETTLING and claim.verdict not in GIVEN_UP
        if claim.state in {State.RESERVED, State.WAITING, State.LEASED} or is_moving:
            self._end(id_, claim, State.CANCELLED)
            return ("done",)
        return ("refused",)

    def _move(self, id_: str, token: str, period_ms: int) -> Reply:
        claim, now = self._claims.get(id_), self._now()
        if claim is None:
            return ("unknown",)
        is_stuck = claim.state is State.MOVING and claim.until <= now
        if claim.state is not State.DEAD and not is_stuck:
            return ("refused",)
        claim.state, claim.token = State.MOVING, token
        claim.until, claim.verdict = now + period_ms, ""
        return ("ok", claim.revision)

    def _audit(self, id_: str, revision: int, uncertain: int) -> Reply:
        """Say what a dead letter is that was found in the broker; it counts if nothing newer does.

        The broker itself puts some there, and what knew of the others may have been forgotten.
        """
        claim = self._claims.setdefault(id_, Claim(State.WAITING, revision=revision))
        claim.is_uncertain |= bool(uncertain)
        if revision == claim.revision and claim.state in {State.DEAD, State.MOVING}:
            return ("kept",)
        if revision < claim.revision or claim.state in HAS_ENDED:
            return ("stale",)
        if claim.state in HELD | RESERVED_STATES and claim.until > self._now():
            return ("busy",)
        is_recorded = claim.state is State.SETTLING and claim.verdict in GIVEN_UP
        self._claims[id_] = Claim(
            State.DEAD, revision, key=claim.key, hold=claim.hold, is_uncertain=claim.is_uncertain
        )
        return ("kept",) if is_recorded else ("adopted",)

    def _held(self, id_: str, token: str, revision: int) -> Claim | None:
        """Return the claim of this holder; one that was forgotten is taken as it says."""
        claim = self._claims.get(id_)
        if claim is None:
            claim = self._claims[id_] = Claim(
                State.LEASED, revision=revision, token=token, deliveries=1
            )
        return claim if claim.token == token else None

    def _open_to_a_verdict(self, id_: str, token: str, revision: int) -> Claim | str:
        """Return the claim of a holder that has settled on nothing; else what was settled on."""
        claim = self._held(id_, token, revision)
        if claim is None:
            return ""
        is_open = not claim.verdict and claim.state in {State.LEASED, State.STARTED}
        return claim if is_open else claim.verdict
