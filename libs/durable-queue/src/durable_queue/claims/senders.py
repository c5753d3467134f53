"""What senders ask of claims in this process's memory: whether a message was sent before."""

from collections.abc import Callable
from typing import Final

from durable_queue.claims.claim import Claim
from durable_queue.claims.dedupe_keys import DedupeKey, DedupeKeys
from durable_queue.claims.store import Reply, State

_OK: Final = ("ok",)


class SendersClaims:
    """Claims in memory. When there are more than `max_ended`, those that ended first go."""

    def __init__(self, *, now: Callable[[], int], max_ended: int) -> None:
        self._now = now
        self._max_ended = max_ended
        self._claims: dict[str, Claim] = {}
        self._keys = DedupeKeys()
        self._ended: dict[str, None] = {}

    def _reserve(
        self, id_: str, token: str, period_ms: int, key: str, fp: str, answer: str, keep_ms: int
    ) -> Reply:
        now = self._now()
        if first := self._keys.get(key, now):
            if first.fingerprint != fp:
                return ("conflict", first.id)
            known = self._claims.get(first.id)
            if known is None or known.state is not State.RESERVED:
                return ("duplicate", first.id, first.answer)
            if known.until > now:
                return ("wait",)
            if first.id != id_:  # whatever became of it, it no longer counts
                self._end(first.id, known, State.CANCELLED)
        claim = self._claims.get(id_)
        if claim and claim.state is not State.RESERVED:
            return ("duplicate", id_, "")
        if claim and claim.until > now:
            return ("wait",)
        revision = claim.revision + 1 if claim else 0
        until = now + period_ms
        self._claims[id_] = Claim(
            State.RESERVED, revision=revision, token=token, until=until, key=key
        )
        self._keys.add(key, DedupeKey(id_, fp, answer, now + keep_ms), now)
        return ("ok", revision)

    def _doubt(self, id_: str, token: str) -> Reply:
        claim = self._claims.get(id_)
        if claim and claim.state is State.RESERVED and claim.token == token:
            claim.until = 0
        return _OK

    def _free(self, id_: str, token: str) -> Reply:
        claim = self._claims.get(id_)
        if claim and claim.state is State.RESERVED and claim.token == token:
            del self._claims[id_]
            self._keys.remove(claim.key)
        return _OK

    def _recall(self, key: str, fp: str) -> Reply:
        first = self._keys.get(key, self._now())
        if first is None:
            return ("none",)
        if first.fingerprint != fp:
            return ("conflict", first.id)
        known = self._claims.get(first.id)
        if known and known.state is State.RESERVED:
            return ("none",)
        return ("duplicate", first.id, first.answer)

    def _end(self, id_: str, claim: Claim, state: State) -> None:
        claim.state = state
        self._ended[id_] = None
        if len(self._ended) > self._max_ended:
            oldest = next(iter(self._ended))
            del self._ended[oldest]
            self._claims.pop(oldest, None)
