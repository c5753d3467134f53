"""The calls about users and their addresses."""

from collections.abc import AsyncGenerator, Mapping

from asyncnotify.calls.base import Calls, segment
from asyncnotify.models.users import (
    ContactInfo,
    SuppressedAddress,
    SuppressionPage,
    User,
    UserPage,
)


class UserCalls(Calls):
    """The calls about users."""

    async def put_user(self, user_id: str, contact: Mapping[str, object]) -> User:
        """Store a user's addresses and preferred channel, in place of what was there.

        `contact` as in the API: `{"email": "ada@example.com", "preferred_channel": "email"}`.
        """
        return await self._ask(User, "PUT", _path(user_id), may_repeat=True, body=dict(contact))

    async def user(self, user_id: str) -> User:
        """Return a user with all addresses and their health.

        Raises:
            NotFound: there is none.
        """
        return await self._get(User, _path(user_id))

    async def users(self, /, **filters: object) -> UserPage:
        """Return one page of users, by id: limit, cursor."""
        return await self._get(UserPage, "/users", filters)

    def iter_users(self, *, limit: int | None = None) -> AsyncGenerator[User, None]:
        """Yield all users, by id, at most `limit`."""
        return self._pages(UserPage, "/users", limit, {})

    async def delete_user(self, user_id: str) -> None:
        """Forget a user."""
        await self._do("DELETE", _path(user_id))

    async def contact_info(self, user_id: str) -> ContactInfo:
        """Return one address for each channel, as the dispatcher takes them."""
        return await self._get(ContactInfo, f"{_path(user_id)}/contact-info")

    async def suppressions(self, /, **filters: object) -> SuppressionPage:
        """Return one page of addresses that get nothing: channel, reason, limit, cursor."""
        return await self._get(SuppressionPage, "/suppressions", filters)

    def iter_suppressions(
        self, /, *, limit: int | None = None, **filters: object
    ) -> AsyncGenerator[SuppressedAddress, None]:
        """Yield addresses that get nothing, at most `limit`."""
        return self._pages(SuppressionPage, "/suppressions", limit, filters)

    async def release(self, channel: str, address: str) -> None:
        """Let an address get messages again."""
        path = f"/suppressions/{segment('channel', channel)}/{segment('address', address)}"
        await self._do("DELETE", path)


def _path(user_id: str) -> str:
    return f"/users/{segment('user_id', user_id)}"
