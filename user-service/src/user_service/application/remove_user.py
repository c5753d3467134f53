from dataclasses import dataclass

from user_service.application.ports import UnknownUser, UserWriter
from user_service.domain.user import UserId


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveUser:
    """Forget a user with all addresses.

    Raises:
        UnknownUser: no user has this id.
        UsersUnavailable: the store cannot answer now.
    """

    users: UserWriter

    async def __call__(self, user_id: UserId) -> None:
        if not await self.users.remove(user_id):
            raise UnknownUser
