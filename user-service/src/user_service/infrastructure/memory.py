from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from notification_contracts.address_reports import ReportKind

from user_service.application.address_health import place_of
from user_service.application.ports import (
    AddressState,
    StoredUser,
    SuppressedAddress,
    SuppressionFilter,
    SuppressionPlace,
    UsersUnavailable,
)
from user_service.domain.health import AddressHealth, AddressKey, HealthReport, after_reports
from user_service.domain.user import Address, User, UserId


class InMemoryUsers:
    """Keeps users, and the health of addresses, for the life of the process; can be told to be
    down.
    """

    def __init__(self, seeds: Sequence[User] = ()) -> None:
        self.is_down = False
        self._users = {user.id: user for user in seeds}
        self._health: dict[AddressKey, AddressHealth] = {}

    async def get(self, user_id: UserId) -> User | None:
        user = self._reachable().get(user_id)
        return user and self._with_suppressions(user)

    async def get_many(self, user_ids: Collection[UserId]) -> Mapping[UserId, User]:
        users = self._reachable()
        return {
            user_id: self._with_suppressions(users[user_id])
            for user_id in user_ids
            if user_id in users
        }

    async def page(self, *, after: UserId | None, limit: int) -> Sequence[User]:
        users = self._reachable()
        following = sorted(user_id for user_id in users if after is None or user_id > after)
        return [self._with_suppressions(users[user_id]) for user_id in following[:limit]]

    async def put(self, user: User, *, at: datetime) -> StoredUser:
        del at  # nothing here outlives the process, so the time is not needed
        users = self._reachable()
        earlier = users.get(user.id)
        stored = user.keeping(earlier) if earlier else user
        users[user.id] = stored
        return StoredUser(user=self._with_suppressions(stored), is_new=earlier is None)

    async def put_many(self, users: Sequence[User], *, at: datetime) -> Collection[UserId]:
        stored = [await self.put(user, at=at) for user in users]
        return {each.user.id for each in stored if each.is_new}

    async def remove(self, user_id: UserId) -> bool:
        return self._reachable().pop(user_id, None) is not None

    async def report(
        self, reports: Sequence[HealthReport], *, now: datetime
    ) -> Sequence[AddressState]:
        self._reachable()
        self._health = after_reports(self._health, reports)
        for report in reports:
            if report.removes_token:
                self._remove(report)
            if report.kind is ReportKind.USED:
                self._note_use(report)
        return [self._state(report, now) for report in reports]

    async def release(self, key: AddressKey, *, at: datetime) -> bool:
        self._reachable()
        known = self._health.get(key, AddressHealth())
        if not known.is_suppressed_at(at):
            return False
        self._health[key] = known.released(at)
        return True

    async def suppressions(
        self,
        wanted: SuppressionFilter,
        *,
        now: datetime,
        after: SuppressionPlace | None,
        limit: int,
    ) -> Sequence[SuppressedAddress]:
        self._reachable()
        found = [
            SuppressedAddress(key=key, suppression=known.suppression)
            for key, known in self._health.items()
            if known.suppression
            and known.suppression.holds_at(now)
            and wanted.channel in {None, key.channel}
            and wanted.reason in {None, known.suppression.reason}
        ]
        following = [each for each in found if after is None or place_of(each) < after]
        return sorted(following, key=place_of, reverse=True)[:limit]

    def _with_suppressions(self, user: User) -> User:
        def shown(channel: str, address: Address) -> Address:
            known = self._health.get(AddressKey(channel=channel, address=address.address))
            return replace(address, suppression=known.suppression if known else None)

        addresses = {
            channel: tuple(shown(channel, each) for each in on_channel)
            for channel, on_channel in user.addresses.items()
        }
        return replace(user, addresses=addresses)

    def _remove(self, report: HealthReport) -> None:
        channel = report.key.channel
        for user in self._having(report.key):
            left = [
                each
                for each in user.addresses[channel]
                if each.address != report.key.address or each.added_at >= report.at
            ]
            prefers = (
                None if not left and user.preferred_channel == channel else user.preferred_channel
            )
            changed = self._changed(user, channel, left)
            self._users[user.id] = replace(changed, preferred_channel=prefers)

    def _note_use(self, report: HealthReport) -> None:
        channel = report.key.channel
        for user in self._having(report.key):
            used = [
                replace(each, last_used_at=max(report.at, each.last_used_at or report.at))
                if each.address == report.key.address
                else each
                for each in user.addresses[channel]
            ]
            self._users[user.id] = self._changed(user, channel, used)

    def _changed(self, user: User, channel: str, addresses: Sequence[Address]) -> User:
        others = {name: each for name, each in user.addresses.items() if name != channel}
        changed = {**others, channel: tuple(addresses)} if addresses else others
        return replace(user, addresses=changed)

    def _having(self, key: AddressKey) -> Sequence[User]:
        return [
            user
            for user in self._users.values()
            if any(key.address == each.address for each in user.addresses.get(key.channel, ()))
        ]

    def _state(self, report: HealthReport, now: datetime) -> AddressState:
        if report.removes_token and not self._having(report.key):
            return AddressState.REMOVED
        return AddressState.of(self._health.get(report.key, AddressHealth()), now)

    def _reachable(self) -> dict[UserId, User]:
        if self.is_down:
            message = "told to be down"
            raise UsersUnavailable(message)
        return self._users
