"""What the use cases need from outside.

UsersError
├── UnknownUser        no user has this id
├── NotSuppressed      there is nothing to release
└── UsersUnavailable   the store cannot be reached now; nothing was changed, or it is not known
InvalidAddress         an address is not of its kind
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol, Self

from notification_contracts.address_reports import ReportKind
from notification_contracts.channels import AddressKind, ChannelName

from user_service.domain.health import AddressHealth, AddressKey, HealthReport, Suppression
from user_service.domain.user import User, UserId


class UsersError(Exception):
    """Something about users that a caller can act upon."""


class UnknownUser(UsersError):
    """Raised when no user has this id."""


class NotSuppressed(UsersError):
    """Raised when an address is to be released that is not suppressed."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredUser:
    """The user as stored; `is_new` when the id was unknown before."""

    user: User
    is_new: bool


class UserWriter(Protocol):
    """Stores and removes users. When a call returns, every later read tells so."""

    async def put(self, user: User, *, at: datetime) -> StoredUser:
        """Store the user whole, in place of an earlier one.

        Of addresses that stay it keeps when they were added and last used. Suppressions are kept
        apart from users, and are those of `report`.

        Raises:
            UsersUnavailable: the store cannot answer now; the user is as before, or as given.
        """
        ...

    async def put_many(self, users: Sequence[User], *, at: datetime) -> Collection[UserId]:
        """Store each of these users as `put` does, all of them or none; return whose ids are new.

        No two have the same id.

        Raises:
            UsersUnavailable: the store cannot answer now; they are all as before, or all as given.
        """
        ...

    async def remove(self, user_id: UserId) -> bool:
        """Forget the user with all addresses. Return False when no user has this id.

        Raises:
            UsersUnavailable: the store cannot answer now.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressedAddress:
    """An address that is not sent to, and why."""

    key: AddressKey
    suppression: Suppression


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppressionFilter:
    """Which suppressions are wanted; None means any."""

    channel: ChannelName | None = None
    reason: ReportKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class SuppressionPlace:
    """Where a suppression stands in the list."""

    since: datetime
    digest: str


class AddressState(StrEnum):
    """How an address is after a report."""

    GOOD = "good"
    SUPPRESSED = "suppressed"
    REMOVED = "removed"

    @classmethod
    def of(cls, health: AddressHealth, now: datetime) -> Self:
        """Tell how an address is of which this is known."""
        return cls.SUPPRESSED if health.is_suppressed_at(now) else cls.GOOD


class AddressHealthStore(Protocol):
    """Keeps what is reported of addresses, whether or not a user has them."""

    async def report(
        self, reports: Sequence[HealthReport], *, now: datetime
    ) -> Sequence[AddressState]:
        """Apply all reports or none, and tell how each one's address is then.

        Reports on one address that come at the same time are applied one after the other.

        Raises:
            UsersUnavailable: the store cannot answer now.
        """
        ...

    async def release(self, key: AddressKey, *, at: datetime) -> bool:
        """Lift what suppresses an address now. Return False when nothing does.

        Raises:
            UsersUnavailable: the store cannot answer now.
        """
        ...

    async def suppressions(
        self,
        wanted: SuppressionFilter,
        *,
        now: datetime,
        after: SuppressionPlace | None,
        limit: int,
    ) -> Sequence[SuppressedAddress]:
        """Return at most `limit` suppressions of now that follow this place, the newest first.

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
