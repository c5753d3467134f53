"""The queries. Each reads users with all their addresses in one statement, hence of one moment."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from notification_contracts.address_reports import ReportKind
from notification_contracts.channels import ChannelName
from service_kit.sql.engine import AnyRow, AnySelect
from service_kit.sql.times import in_utc
from sqlalchemy import ColumnElement, and_, bindparam, func, select, update

from user_service.domain.health import Suppression
from user_service.domain.user import Address, User, UserId
from user_service.infrastructure.sql.tables import address_health, addresses, users

ADDED_AT: Final = func.coalesce(addresses.c.added_at, users.c.updated_at).label("added_at")
"""When an address was added, in a query that also reads its user."""

_HEALTH_OF_ADDRESS: Final = and_(
    # Not by digest: an address that a user has is not stored with one.
    address_health.c.address == addresses.c.address,
    address_health.c.channel == addresses.c.channel,
)


def _columns() -> list[ColumnElement[Any]]:
    return [
        addresses.c.channel,
        addresses.c.address,
        addresses.c.label,
        ADDED_AT,
        addresses.c.last_used_at,
        *suppression_columns(),
    ]


def suppression_columns() -> list[ColumnElement[Any]]:
    """Return what `suppression_of` reads."""
    health = address_health.c
    return [health.reason, health.since, health.until, health.evidence, health.provider]


def _users_who(are_wanted: ColumnElement[bool]) -> AnySelect:
    return (
        select(users.c.user_id, users.c.preferred_channel, *_columns())
        .select_from(users.outerjoin(addresses).outerjoin(address_health, _HEALTH_OF_ADDRESS))
        .where(are_wanted)
        .order_by(addresses.c.position)
    )


# Built once: building a statement costs more than SQLite takes to answer it.
ONE: Final = _users_who(users.c.user_id == bindparam("user_id"))
MANY: Final = _users_who(users.c.user_id.in_(bindparam("user_ids", expanding=True)))

LOCK: Final = (
    select(users.c.user_id)
    .where(users.c.user_id.in_(bindparam("user_ids", expanding=True)))
    .order_by(users.c.user_id)
    .with_for_update()
)
REPLACE: Final = (
    update(users)
    .where(users.c.user_id == bindparam("id"))
    .values(preferred_channel=bindparam("preferred"), updated_at=bindparam("at"))
)


def _page() -> AnySelect:
    # Limited before the join: a page counts users, not addresses.
    page = (
        select(users.c.user_id)
        .where(users.c.user_id > bindparam("after"))
        .order_by(users.c.user_id)
        .limit(bindparam("limit"))
        .subquery()
    )
    return (
        select(users.c.user_id, users.c.preferred_channel, *_columns())
        .select_from(
            page.join(users, users.c.user_id == page.c.user_id)
            .outerjoin(addresses, addresses.c.user_id == users.c.user_id)
            .outerjoin(address_health, _HEALTH_OF_ADDRESS)
        )
        .order_by(users.c.user_id, addresses.c.position)
    )


PAGE: Final = _page()


def users_in(rows: Iterable[AnyRow]) -> dict[UserId, User]:
    """Make the users that `ONE`, `MANY` or `PAGE` have found."""
    preferred: dict[UserId, ChannelName | None] = {}
    found: dict[UserId, dict[ChannelName, list[Address]]] = {}
    # By position: by name takes twice as long, and this is done for each notification.
    for user_id, preferred_channel, channel, address, label, added_at, used_at, *held in rows:
        preferred[user_id] = preferred_channel
        on = found.setdefault(user_id, {})
        if channel is not None:
            each = Address(
                address=address,
                label=label,
                added_at=in_utc(added_at),
                last_used_at=used_at and in_utc(used_at),
                suppression=suppression_of(*held),
            )
            on.setdefault(channel, []).append(each)
    return {
        user_id: User(
            id=user_id,
            addresses={channel: tuple(each) for channel, each in on.items()},
            preferred_channel=preferred[user_id],
        )
        for user_id, on in found.items()
    }


def suppression_of(
    reason: str | None,
    since: datetime | None,
    until: datetime | None,
    evidence: str | None,
    provider: str | None,
) -> Suppression | None:
    """Make the suppression of a row's `suppression_columns`; None if it has none."""
    if reason is None or since is None:
        return None
    return Suppression(
        reason=ReportKind(reason),
        since=in_utc(since),
        until=until and in_utc(until),
        evidence=evidence,
        provider=provider,
    )
