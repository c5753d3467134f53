from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from notification_contracts.channels import CHANNELS

from user_service.application.ports import (
    AddressHealthStore,
    AddressNormaliser,
    AddressState,
    InvalidAddress,
    NotSuppressed,
    SuppressedAddress,
    SuppressionFilter,
    SuppressionPlace,
)
from user_service.domain.health import AddressKey, HealthReport


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportAddresses:
    """Take note of what happened at addresses.

    Raises:
        UsersUnavailable: the store cannot answer now.
    """

    store: AddressHealthStore
    normalise: AddressNormaliser
    now: Callable[[], datetime]

    async def __call__(self, reports: Sequence[HealthReport]) -> Sequence[AddressState]:
        now = self.now()
        # A clock that is ahead must not make all that happens until then look old.
        known = [
            replace(report, key=normal_key(report.key, self.normalise), at=min(report.at, now))
            for report in reports
        ]
        return await self.store.report(known, now=now)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseAddress:
    """Let an address be sent to again.

    Raises:
        NotSuppressed: nothing suppresses it.
        UsersUnavailable: the store cannot answer now.
    """

    store: AddressHealthStore
    normalise: AddressNormaliser
    now: Callable[[], datetime]

    async def __call__(self, key: AddressKey) -> None:
        if not await self.store.release(normal_key(key, self.normalise), at=self.now()):
            raise NotSuppressed


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSuppressions:
    """List the suppressions of now, the newest first, page by page.

    Raises:
        UsersUnavailable: the store cannot answer now.
    """

    store: AddressHealthStore
    now: Callable[[], datetime]

    async def __call__(
        self, wanted: SuppressionFilter, *, after: SuppressionPlace | None, limit: int
    ) -> Sequence[SuppressedAddress]:
        return await self.store.suppressions(wanted, now=self.now(), after=after, limit=limit)


def place_of(suppressed: SuppressedAddress) -> SuppressionPlace:
    """Tell where a suppression stands in the list."""
    return SuppressionPlace(since=suppressed.suppression.since, digest=suppressed.key.digest)


def normal_key(key: AddressKey, normalise: AddressNormaliser) -> AddressKey:
    """Return the key of the address in its canonical form; as given if it has none."""
    kind = CHANNELS[key.channel].address_kind if key.channel in CHANNELS else None
    try:
        return key if kind is None else replace(key, address=normalise(kind, key.address))
    except InvalidAddress:
        return key
