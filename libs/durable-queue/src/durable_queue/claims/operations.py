"""The operations of a store of claims, with types: what a queue calls."""

import asyncio
import secrets
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Final

from service_kit.epoch import whole_ms

from durable_queue.claims.holding import BeginReply, LeaseTerms
from durable_queue.claims.store import ClaimStore, Reply, State
from durable_queue.messages import REPEATABLE_FOR
from durable_queue.port import (
    Conflict,
    ControlOutcome,
    Dedupe,
    Duplicate,
    QueueUnavailable,
)
from durable_queue.recorder import ChangeEvent

RESERVATION: Final = timedelta(seconds=5)
"""How long no worker may take a message that is still being put into the broker."""
_RESERVATION_MS: Final = whole_ms(RESERVATION)
_LOOK_AGAIN_S: Final = 0.02
_WAIT_FOR_FIRST_SENDER_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class Reservation:
    """This id may be sent, as this revision, by who knows the token."""

    token: str
    revision: int


class Claims:
    """The operations of a store, with types. What is to be told goes on record in the same step."""

    def __init__(self, store: ClaimStore, terms: LeaseTerms) -> None:
        self._run = store.run
        self.run_many = store.run_many
        self.terms = terms
        self._own = secrets.token_hex(6)
        self._number = count()
        self._store = store
        self.record = store.record
        self.close = store.close
        self.faults = store.faults
        self.now = store.now

    def new_token(self) -> str:
        """Return a token that no other holder has."""
        return f"{self._own}.{next(self._number):x}"

    async def learn_time(self) -> None:
        """See to it that `now` is the store's time. Raises `QueueUnavailable`."""
        if not self._store.is_time_known:
            await self.read_time()

    async def read_time(self) -> None:
        """See to it that `now` has heard of a jump of the store's clock. Raises as `learn_time`."""
        if not self._store.is_time_fresh:
            await self.ping()

    async def ping(self) -> None:
        """Have the store answer. Raises `QueueUnavailable`."""
        await self._run("recall", "", "")

    async def reserve(
        self, message_id: str, dedupe: Dedupe | None
    ) -> Reservation | Duplicate | Conflict:
        """Take the id, and the dedupe key, for a message that is about to be sent.

        Raises:
            QueueUnavailable: somebody else is about to send it, and does not come to an end.
        """
        token = self.new_token()
        dedupe_arguments = (
            (dedupe.key, dedupe.fingerprint, dedupe.answer, whole_ms(REPEATABLE_FOR))
            if dedupe
            else ("", "", "", 0)
        )
        deadline = asyncio.get_running_loop().time() + _WAIT_FOR_FIRST_SENDER_S
        while True:
            code, *rest = await self._run(
                "reserve", message_id, token, _RESERVATION_MS, *dedupe_arguments
            )
            if code == "ok":
                return Reservation(token, int(rest[0]))
            if code != "wait":
                return _first(code, rest)
            if asyncio.get_running_loop().time() > deadline:
                raise QueueUnavailable("the first sender of this message has not finished")
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def doubt(self, message_id: str, token: str) -> None:
        """Give up a reservation; it is unknown whether the message was stored."""
        await self._run("doubt", message_id, token)

    async def free(self, message_id: str, token: str) -> None:
        """Give a reservation up; the message was not stored."""
        await self._run("free", message_id, token)

    async def recall(self, dedupe: Dedupe) -> Duplicate | Conflict | None:
        """Return what is known of a dedupe key."""
        code, *rest = await self._run("recall", dedupe.key, dedupe.fingerprint)
        return None if code == "none" else _first(code, rest)

    async def decide(
        self,
        message_id: str,
        token: str,
        revision: int,
        verdict: str,
        memo: str = "",
        event: ChangeEvent | None = None,
        *,
        is_uncertain: bool = False,
    ) -> tuple[str, int]:
        """Settle on a verdict: `ok`, `again`, `poison` (after so many deliveries) or `lost`.

        Who finds a message given up, but not yet among the dead letters, gets the `memo`.
        `is_uncertain` says that it is unknown whether what was started had its effect.
        """
        terms = self.terms
        code, *rest = await self._run(
            "decide",
            message_id,
            token,
            revision,
            verdict,
            terms.lease_ms,
            terms.max_deliveries,
            memo,
            int(is_uncertain),
            event=event,
        )
        return str(code), int(rest[0]) if rest else 0

    async def explain(
        self, message_id: str, token: str, memo: str, event: ChangeEvent | None
    ) -> bool:
        """Say why a message was given up whose workers were lost, and put it on record: once.

        False if the claim is no longer this one's, or it was said before.
        """
        code, *_ = await self._run("explain", message_id, token, memo, event=event)
        return code != "lost"

    async def settled(
        self,
        message_id: str,
        token: str,
        revision: int,
        state: State,
        *,
        suspect: bool = False,
        event: ChangeEvent | None = None,
    ) -> bool:
        """Tell that the broker has been told; `suspect` keeps the count of deliveries.

        False if the claim is no longer this one's, or had been told before.
        """
        code, *_ = await self._run(
            "settled", message_id, token, revision, state.value, int(suspect), event=event
        )
        return code == "ok"

    async def lose(self, message_id: str, token: str) -> BeginReply:
        """End a claim whose holder went silent: `waiting`, `poison`, `ambiguous` or `lost`."""
        terms = self.terms
        code, *rest = await self._run(
            "lose", message_id, token, terms.max_deliveries, terms.lease_ms
        )
        if code == "poison":
            return BeginReply(token, "poison", int(rest[0]), is_uncertain=bool(rest[1]))
        lane = str(rest[0]) if rest else ""
        return BeginReply(token, str(code), is_uncertain=code == "ambiguous", lane=lane)

    async def hand_back(self, message_id: str, token: str) -> None:
        """End a claim that has not been used."""
        await self._run("hand_back", message_id, token)

    async def cancel(self, message_id: str, event: ChangeEvent | None) -> ControlOutcome:
        """Make all copies void, unless it has started or ended."""
        code, *_ = await self._run("cancel", message_id, event=event)
        return ControlOutcome(str(code))

    async def move(self, message_id: str) -> Reservation | ControlOutcome:
        """Reserve a dead letter for an operator."""
        token = self.new_token()
        code, *rest = await self._run("move", message_id, token, _RESERVATION_MS)
        return Reservation(token, int(rest[0])) if code == "ok" else ControlOutcome(str(code))

    async def audit(self, message_id: str, revision: int, *, is_uncertain: bool) -> str:
        """Say what a dead letter in the broker is: `kept`, `stale`, `busy` or `adopted`."""
        code, *_ = await self._run("audit", message_id, revision, int(is_uncertain))
        return str(code)


def _first(code: str | int, rest: Reply) -> Duplicate | Conflict:
    if code == "conflict":
        return Conflict(str(rest[0]))
    return Duplicate(str(rest[0]), str(rest[1]))
