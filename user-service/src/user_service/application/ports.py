"""What the use cases need from outside.

UsersError
├── UnknownUser        no user has this id
└── UsersUnavailable   the store cannot be reached now; nothing was changed, or it is not known
InvalidAddress         an address is not of its kind
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from notification_contracts.channels import AddressKind

from user_service.domain import User, UserId


class UsersError(Exception):
    """Something about users that a caller can act upon."""


class UnknownUser(UsersError):
    """Raised when no user has this id."""


class UsersUnavailable(UsersError):
    """Raised when the store cannot answer now. A read or a write may be tried again."""


class InvalidAddress(ValueError):
    """Raised when an address is not of its kind. The message says why, without it."""


class UserReader(Protocol):
    """Finds users. Every answer is of one moment: never half of a concurrent write."""

    async def get(self, user_id: UserId) -> User | None:
        """Return the user, or None when no user has this id.

        Raises:
            UsersUnavailable: the store cannot answer now.
        """
        ...

    async def get_many(self, user_ids: Collection[UserId]) -> Mapping[UserId, User]:
        """Return those of the users who are known, by one query.

        Raises:
            UsersUnavailable: the store cannot answer now.
        """
        ...

    async def page(self, *, after: UserId | None, limit: int) -> Sequence[User]:
        """Return at most `limit` users whose ids follow `after`, ordered by code point.

        Raises:
            UsersUnavailable: the store cannot answer now.
        """
        ...


class UserWriter(Protocol):
    """Stores and removes users. When a call returns, every later read tells so."""

    async def put(self, user: User, *, at: datetime) -> bool:
        """Store the user whole, in place of an earlier one. Return True when there was none.

        Raises:
            UsersUnavailable: the store cannot answer now; the user is as before, or as given.
        """
        ...

    async def remove(self, user_id: UserId) -> bool:
        """Forget the user with all addresses. Return False when no user has this id.

        Raises:
            UsersUnavailable: the store cannot answer now.
        """
        ...


class AddressNormaliser(Protocol):
    """Brings addresses into their one canonical form."""

    def __call__(self, kind: AddressKind, address: str) -> str:
        """Return the canonical form; a canonical address is returned unchanged.

        Raises:
            InvalidAddress: it is not an address of this kind.
        """
        ...
