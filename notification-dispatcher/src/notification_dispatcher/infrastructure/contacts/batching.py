"""A contact directory that makes one call for all look-ups of the same time.

An answer is never older than its question: what was stored before a notification was accepted, or
replayed, is what the notification meets. Earlier answers are used while there is no new one.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from service_kit.gathering import Gathered

from notification_dispatcher.application.ports import (
    ContactAnswer,
    ContactDirectory,
    ContactsUnavailable,
    NoSuchUser,
)
from notification_dispatcher.domain.contact import Contact
from notification_dispatcher.infrastructure.circuit_breaker import CircuitBreaker


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactLimits:
    """How old a remembered contact may be: always, and while there is no answer; and how many.

    With `fresh` above zero, a change may be seen that much later.
    """

    fresh: timedelta = timedelta(0)
    stale: timedelta = timedelta(hours=1)
    max_users: int = 50_000


@dataclass(frozen=True, slots=True)
class _Remembered:
    contact: Contact
    at: float


@dataclass(slots=True, kw_only=True)
class BatchingContactDirectory:
    """A `ContactDirectory` that spares the one behind it.

    While that fails again and again, it is not called for a second at a time, so that a dead
    user-service costs each notification no time-out. Look-ups of which none has an answer, or a
    remembered contact, then fail after `outage_delay`, so that a backlog isn't deferred again and
    again at full speed.
    """

    behind: ContactDirectory
    limits: ContactLimits
    outage_delay: timedelta = timedelta(seconds=0.2)
    monotonic: Callable[[], float] = time.monotonic
    breaker: CircuitBreaker = field(
        default_factory=lambda: CircuitBreaker(failures=3, pause=timedelta(seconds=1))
    )
    _remembered: OrderedDict[str, _Remembered] = field(default_factory=OrderedDict, init=False)
    _gathered: Gathered[str, ContactAnswer] = field(init=False)

    def __post_init__(self) -> None:
        self._gathered = Gathered(self._look_up)

    async def contacts_of(self, user_ids: Sequence[str]) -> Mapping[str, ContactAnswer]:
        """Return the contacts as they are now; as they were, while there is no answer."""
        answers: dict[str, ContactAnswer] = {}
        for user_id in user_ids:
            if contact := self._not_older_than(self.limits.fresh, user_id):
                answers[user_id] = contact
        if asked := [user_id for user_id in dict.fromkeys(user_ids) if user_id not in answers]:
            answers.update(await self._gathered.get_all(asked))
        is_answered = not asked
        for user_id in asked:
            if not isinstance(answers[user_id], ContactsUnavailable):
                is_answered = True
            elif contact := self._not_older_than(self.limits.stale, user_id):
                answers[user_id] = contact
                is_answered = True
        if not is_answered:
            await asyncio.sleep(self.outage_delay.total_seconds())
        return answers

    async def _look_up(self, user_ids: Sequence[str]) -> Mapping[str, ContactAnswer]:
        permit = self.breaker.acquire()
        if permit is None:
            error = ContactsUnavailable("contacts could not be looked up too often just now")
            return dict.fromkeys(user_ids, error)
        is_healthy = None
        try:
            answers = await self.behind.contacts_of(user_ids)
            is_healthy = not all(
                isinstance(answer, ContactsUnavailable) for answer in answers.values()
            )
        finally:
            self.breaker.settle(permit, is_healthy=is_healthy)
        for user_id, answer in answers.items():
            self._remember(user_id, answer)
        return answers

    def _remember(self, user_id: str, answer: ContactAnswer) -> None:
        if isinstance(answer, NoSuchUser):
            self._remembered.pop(user_id, None)
        elif isinstance(answer, Contact):
            self._remembered[user_id] = _Remembered(answer, self.monotonic())
            self._remembered.move_to_end(user_id)
            if len(self._remembered) > self.limits.max_users:
                self._remembered.popitem(last=False)

    def _not_older_than(self, limit: timedelta, user_id: str) -> Contact | None:
        kept = self._remembered.get(user_id)
        if kept is None or self.monotonic() - kept.at >= limit.total_seconds():
            return None
        return kept.contact
