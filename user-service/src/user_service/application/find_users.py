from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from user_service.application.ports import UnknownUser, UserReader
from user_service.domain.user import User, UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowUser:
    """Find one user, for their whole record as for their contact info.

    Raises:
        UnknownUser: no user has this id.
        UsersUnavailable: the store cannot answer now.
    """

    users: UserReader

    async def __call__(self, user_id: UserId) -> User:
        user = await self.users.get(user_id)
        if user is None:
            raise UnknownUser
        return user


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPage:
    """Users in the order of their ids; `next_after` is None on the last page."""

    users: Sequence[User]
    next_after: UserId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListUsers:
    """Page through all users. A user stored meanwhile may appear, none appears twice.

    Raises:
        UsersUnavailable: the store cannot answer now.
    """

    users: UserReader

    async def __call__(self, *, after: UserId | None, limit: int) -> UserPage:
        # One more than asked for tells whether another page follows.
        found = await self.users.page(after=after, limit=limit + 1)
        shown = found[:limit]
        return UserPage(users=shown, next_after=shown[-1].id if len(found) > limit else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUpUsers:
    """Find many users at once; an unknown id is answered with None.

    Raises:
        UsersUnavailable: the store cannot answer now.
    """

    users: UserReader

    async def __call__(self, user_ids: Collection[UserId]) -> Mapping[UserId, User | None]:
        found = await self.users.get_many(user_ids)
        return {user_id: found.get(user_id) for user_id in user_ids}
