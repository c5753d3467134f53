from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from user_service.application.ports import UsersUnavailable
from user_service.domain import User, UserId


class InMemoryUsers:
    """Keeps users for the life of the process; can be told to be down."""

    def __init__(self, seeds: Sequence[User] = ()) -> None:
        self.is_down = False
        self._users = {user.id: user for user in seeds}

    async def get(self, user_id: UserId) -> User | None:
        return self._reachable().get(user_id)

    async def get_many(self, user_ids: Collection[UserId]) -> Mapping[UserId, User]:
        users = self._reachable()
        return {user_id: users[user_id] for user_id in user_ids if user_id in users}

    async def page(self, *, after: UserId | None, limit: int) -> Sequence[User]:
        users = self._reachable()
        following = sorted(user_id for user_id in users if after is None or user_id > after)
        return [users[user_id] for user_id in following[:limit]]

    async def put(self, user: User, *, at: datetime) -> bool:
        del at  # nothing here outlives the process, so the time is not needed
        users = self._reachable()
        is_new = user.id not in users
        users[user.id] = user
        return is_new

    async def remove(self, user_id: UserId) -> bool:
        return self._reachable().pop(user_id, None) is not None

    def _reachable(self) -> dict[UserId, User]:
        if self.is_down:
            message = "told to be down"
            raise UsersUnavailable(message)
        return self._users
