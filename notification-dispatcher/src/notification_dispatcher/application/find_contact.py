"""Look up users' contacts; every failure is a verdict."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from notification_contracts.states import Reason

from notification_dispatcher.application.ports import (
    ContactAnswer,
    ContactDirectory,
    NoSuchUser,
)
from notification_dispatcher.domain.contact import Contact
from notification_dispatcher.domain.retries import growing
from notification_dispatcher.domain.verdicts import Deferred, Failed

FIRST_WAIT = timedelta(seconds=2)
LONGEST_WAIT = timedelta(seconds=60)

FoundContact = Contact | Deferred | Failed
"""A user's contact, or the verdict that follows from having none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FindContacts:
    """Find users' contacts. Without an answer a notification waits, longer each time."""

    contacts: ContactDirectory
    random: Callable[[], float]

    async def __call__(self, asked: Sequence[tuple[str, int]]) -> Sequence[FoundContact]:
        """Look up users, each with how often its notification was deferred, in one go."""
        answers = await self.contacts.contacts_of([user_id for user_id, _ in asked])
        return [self._found(answers[user_id], deferrals) for user_id, deferrals in asked]

    def _found(self, answer: ContactAnswer, deferrals: int) -> FoundContact:
        if isinstance(answer, Contact):
            return answer
        if isinstance(answer, NoSuchUser):
            return Failed(reason=Reason.UNKNOWN_USER, detail="there is no such user")
        delay = growing(deferrals, self.random(), first=FIRST_WAIT, cap=LONGEST_WAIT)
        return Deferred(delay=delay, reason=Reason.CONTACTS_UNAVAILABLE, detail=str(answer))
