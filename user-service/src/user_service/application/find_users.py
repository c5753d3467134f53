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
class ListUsers:
    """List users by their ids, page by page. One stored meanwhile may appear, none appears twice.

    Raises:
        UsersUnavailable: the store cannot answer now.
    """

    users: UserReader

    async def __call__(self, *, after: UserId | None, limit: int) -> Sequence[User]:
        return await self.users.page(after=after, limit=limit)


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
