"""A cache before a contact directory: one look-up costs more than the whole queue."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from notification_dispatcher.application.ports import (
    ContactDirectory,
    ContactsUnavailable,
    UnknownUser,
)
from notification_dispatcher.domain.contact import Contact
from notification_dispatcher.infrastructure.breaker import CircuitBreaker


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheLimits:
    """How old an answer may be: a contact, an "unknown user", a contact when there is no answer."""

    fresh: timedelta = timedelta(seconds=60)
    unknown: timedelta = timedelta(seconds=2)
    stale: timedelta = timedelta(hours=1)
    max_users: int = 50_000


@dataclass(frozen=True, slots=True)
class _Answer:
    contact: Contact | None  # None: there is no such user
    at: float


@dataclass(slots=True, kw_only=True)
class CachedContacts:
    """Remembers answers; asks once for all who wait for the same user; serves old ones in need.

    While the directory fails again and again, it is left alone for a second at a time, so that a
    dead user-service costs each notification no time-out. Whoever asks then waits for `patience`,
    so that a backlog doesn't go round through deferral at full speed.
    """

    directory: ContactDirectory
    limits: CacheLimits = field(default_factory=CacheLimits)
    patience: timedelta = timedelta(seconds=0.2)
    monotonic: Callable[[], float] = time.monotonic
    breaker: CircuitBreaker = field(
        default_factory=lambda: CircuitBreaker(failures=5, pause=timedelta(seconds=1))
    )
    _answers: OrderedDict[str, _Answer] = field(default_factory=OrderedDict, init=False)
    _flights: dict[str, asyncio.Task[_Answer]] = field(default_factory=dict, init=False)

    async def contact_of(self, user_id: str) -> Contact:
        """Return the contact, from memory if it is young enough."""
        answer = self._answers.get(user_id)
        if answer is None or not self._is_fresh(answer):
            answer = await self._renewed(user_id, answer)
        else:
            self._answers.move_to_end(user_id)
        if answer.contact is None:
            raise UnknownUser(user_id)
        return answer.contact

    async def _renewed(self, user_id: str, old: _Answer | None) -> _Answer:
        flight = self._flights.get(user_id)
        if flight is None:
            flight = asyncio.create_task(self._ask(user_id))
            self._flights[user_id] = flight
            flight.add_done_callback(lambda done: self._land(user_id, done))
        try:
            # Shielded: whoever asked first may be cancelled, the others still want the answer.
            return await asyncio.shield(flight)
        except ContactsUnavailable:
            if old is not None and old.contact is not None and self._is_usable(old):
                return old
            raise

    async def _ask(self, user_id: str) -> _Answer:
        admission = self.breaker.admit()
        if admission is None:
            await asyncio.sleep(self.patience.total_seconds())
            raise ContactsUnavailable("the contact directory has failed too often just now")
        is_healthy = None
        try:
            contact = await self.directory.contact_of(user_id)
            is_healthy = True
        except UnknownUser:
            contact, is_healthy = None, True
        except ContactsUnavailable:
            is_healthy = False
            raise
        finally:
            self.breaker.settle(admission, is_healthy=is_healthy)
        return self._remember(user_id, contact)

    def _remember(self, user_id: str, contact: Contact | None) -> _Answer:
        answer = _Answer(contact, self.monotonic())
        self._answers[user_id] = answer
        self._answers.move_to_end(user_id)
        if len(self._answers) > self.limits.max_users:
            self._answers.popitem(last=False)
        return answer

    def _land(self, user_id: str, flight: asyncio.Task[_Answer]) -> None:
        self._flights.pop(user_id, None)
        if not flight.cancelled():
            flight.exception()  # looked at, so that one that nobody waits for is not warned of

    def _is_fresh(self, answer: _Answer) -> bool:
        limit = self.limits.unknown if answer.contact is None else self.limits.fresh
        return self._age(answer) < limit

    def _is_usable(self, answer: _Answer) -> bool:
        return self._age(answer) < self.limits.stale

    def _age(self, answer: _Answer) -> timedelta:
        return timedelta(seconds=self.monotonic() - answer.at)
