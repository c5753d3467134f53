"""The health of addresses. Locks are taken in one order: health by digest, then users by id."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from notification_contracts.address_reports import ReportKind
from pydantic import TypeAdapter
from service_kit.sql.engine import insert_new
from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
    tuple_,
    update,
)

from user_service.application.ports import (
    AddressState,
    SuppressedAddress,
    SuppressionFilter,
    SuppressionPlace,
)
from user_service.domain.health import AddressHealth, AddressKey, HealthReport, after_reports
from user_service.infrastructure.sql.statements import suppression_columns, suppression_of
from user_service.infrastructure.sql.tables import address_health, addresses, users

_STATE: Final = TypeAdapter(AddressHealth)
_NOTHING_KNOWN: Final = _STATE.dump_json(AddressHealth()).decode()

_IS_THE_ADDRESS: Final = and_(
    addresses.c.channel == bindparam("on_channel"), addresses.c.address == bindparam("the_address")
)
_NOTE_USE: Final = (
    update(addresses)
    .where(
        _IS_THE_ADDRESS,
        or_(addresses.c.last_used_at.is_(None), addresses.c.last_used_at < bindparam("used_at")),
    )
    .values(last_used_at=bindparam("used_at"))
)
_STORED_AT: Final = (
    select(users.c.updated_at).where(users.c.user_id == addresses.c.user_id).scalar_subquery()
)
_REMOVE: Final = delete(addresses).where(
    _IS_THE_ADDRESS, func.coalesce(addresses.c.added_at, _STORED_AT) < bindparam("gone_at")
)
_STILL_HAD: Final = select(addresses.c.user_id).where(_IS_THE_ADDRESS).limit(1)
_UPDATE_HEALTH: Final = update(address_health).where(
    address_health.c.digest == bindparam("of_digest")
)


def apply_reports(
    connection: Connection, reports: Sequence[HealthReport], *, now: datetime
) -> Sequence[AddressState]:
    """Apply reports, and tell how each one's address is then."""
    lasting = {each.key for each in reports if not each.removes_token}
    kept = {
        each.key for each in reports if not each.removes_token and each.kind is not ReportKind.USED
    }
    _make_rows(connection, kept)
    known = _locked(connection, lasting)
    health = after_reports(known, reports)
    changed = {key: each for key, each in health.items() if each != known.get(key)}
    _store(connection, changed)
    _change_users(connection, reports)
    removed = [each for each in reports if each.removes_token]
    had = {each.key: _is_had(connection, each.key) for each in removed}
    return [
        AddressState.REMOVED
        if each.removes_token and not had[each.key]
        else AddressState.of(health.get(each.key, AddressHealth()), now)
        for each in reports
    ]


def release(connection: Connection, key: AddressKey, *, at: datetime) -> bool:
    """Lift what suppresses an address; False if nothing does."""
    known = (_locked(connection, {key})).get(key, AddressHealth())
    if not known.is_suppressed_at(at):
        return False
    _store(connection, {key: known.released(at)})
    return True


def find_suppressions(
    connection: Connection,
    wanted: SuppressionFilter,
    *,
    now: datetime,
    after: SuppressionPlace | None,
    limit: int,
) -> Sequence[SuppressedAddress]:
    """Return the suppressions of now that follow a place, the newest first."""
    health = address_health.c
    query = select(health.channel, health.address, *suppression_columns()).where(
        health.reason.is_not(None), or_(health.until.is_(None), health.until > now)
    )
    if wanted.channel is not None:
        query = query.where(health.channel == wanted.channel)
    if wanted.reason is not None:
        query = query.where(health.reason == wanted.reason)
    if after is not None:
        query = query.where(
            or_(
                health.since < after.since,
                and_(health.since == after.since, health.digest < after.digest),
            )
        )
    in_order = query.order_by(health.since.desc(), health.digest.desc()).limit(limit)
    return [
        SuppressedAddress(key=AddressKey(channel=channel, address=address), suppression=suppression)
        for channel, address, *held in connection.execute(in_order)
        if (suppression := suppression_of(*held))
    ]


def _make_rows(connection: Connection, keys: Iterable[AddressKey]) -> None:
    """Make the rows that are missing: one that is not there cannot be locked."""
    rows = [
        {
            "digest": key.digest,
            "channel": key.channel,
            "address": key.address,
            "state": _NOTHING_KNOWN,
        }
        for key in sorted(keys, key=lambda key: key.digest)
    ]
    if rows:
        insert = insert_new(connection.dialect.name, address_health)
        connection.execute(insert, rows)


def _locked(
    connection: Connection, keys: Iterable[AddressKey]
) -> Mapping[AddressKey, AddressHealth]:
    """Read what is known of addresses; nobody else changes it until the transaction ends."""
    by_digest = {key.digest: key for key in keys}
    rows = connection.execute(
        select(address_health.c.digest, address_health.c.state)
        .where(address_health.c.digest.in_(list(by_digest)))
        .order_by(address_health.c.digest)
        .with_for_update()
    )
    return {by_digest[digest]: _STATE.validate_json(state) for digest, state in rows}


def _store(connection: Connection, changed: Mapping[AddressKey, AddressHealth]) -> None:
    for key, health in changed.items():
        shown = health.suppression
        row = {
            "reason": shown and shown.reason,
            "since": shown and shown.since,
            "until": shown and shown.until,
            "evidence": shown and shown.evidence,
            "provider": shown and shown.provider,
            "state": _STATE.dump_json(health).decode(),
        }
        connection.execute(_UPDATE_HEALTH.values(row), {"of_digest": key.digest})


def _change_users(connection: Connection, reports: Sequence[HealthReport]) -> None:
    """Remove tokens from users, and note what was used."""
    about = [each for each in reports if each.removes_token or each.kind is ReportKind.USED]
    if not about or not (user_ids := _lock_users(connection, {each.key for each in about})):
        return
    used = [
        {**_place(each.key), "used_at": each.at} for each in about if each.kind is ReportKind.USED
    ]
    if used:
        connection.execute(_NOTE_USE, used)
    for each in about:
        if each.removes_token:
            connection.execute(_REMOVE, {**_place(each.key), "gone_at": each.at})
            _drop_preference(connection, user_ids, each.key.channel)


def _lock_users(connection: Connection, keys: Iterable[AddressKey]) -> Sequence[str]:
    places = [(key.channel, key.address) for key in keys]
    having = select(addresses.c.user_id).where(
        # By address alone an index finds them.
        addresses.c.address.in_([address for _, address in places]),
        tuple_(addresses.c.channel, addresses.c.address).in_(places),
    )
    rows = connection.execute(
        select(users.c.user_id)
        .where(users.c.user_id.in_(having))
        .order_by(users.c.user_id)
        .with_for_update()
    )
    return [row.user_id for row in rows]


def _drop_preference(connection: Connection, user_ids: Sequence[str], channel: str) -> None:
    """Let those prefer nothing who have no address left on the channel that they preferred."""
    left = exists().where(
        addresses.c.user_id == users.c.user_id, addresses.c.channel == users.c.preferred_channel
    )
    connection.execute(
        update(users)
        .where(users.c.user_id.in_(user_ids), users.c.preferred_channel == channel, ~left)
        .values(preferred_channel=None)
    )


def _is_had(connection: Connection, key: AddressKey) -> bool:
    return (connection.execute(_STILL_HAD, _place(key))).first() is not None


def _place(key: AddressKey) -> dict[str, Any]:
    return {"on_channel": key.channel, "the_address": key.address}
