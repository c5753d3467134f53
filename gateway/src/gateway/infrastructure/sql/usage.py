"""What clients have used up, in SQL: rows that all gateways change one after another."""

from collections.abc import Callable, Sequence
from time import time
from typing import Final

from service_kit.sql.engine import POSTGRESQL, insert_new
from service_kit.sql.store import SqlStore
from sqlalchemy import Connection, bindparam, delete, extract, func, select, tuple_, update

from gateway.domain.limits import KEPT_SECONDS, UNUSED, Draw, Drawn, Usage, settle
from gateway.infrastructure.sql.tables import usage as table


class SqlUsage:
    """A `UsageStore` in a database whose `SqlStore` raises `StoreUnavailable`.

    The database's clock counts where gateways may run on several machines: `now` is for SQLite.
    """

    def __init__(self, store: SqlStore, now: Callable[[], float] = time) -> None:
        self._store = store
        self._now = now

    async def draw(self, draws: Sequence[Draw]) -> Sequence[Drawn]:
        """See `UsageStore`."""
        # Rows are locked in the same order by all: two gateways never wait for each other.
        places = sorted({(each.client, each.policy.name) for each in draws})

        def change(connection: Connection) -> Sequence[Drawn]:
            usage = _locked(connection, places)
            now = self._time(connection)
            drawn = []
            for each in draws:
                place = each.client, each.policy.name
                usage[place], granted = settle(each, usage[place], now)
                drawn.append(granted)
            connection.execute(
                _CHANGE,
                [
                    {"of": client, "by": policy, "used_": each.used, "at_": each.at}
                    for (client, policy), each in usage.items()
                ],
            )
            return drawn

        return await self._store.write(change)

    async def forget(self) -> None:
        """Remove what says nothing any more."""

        def change(connection: Connection) -> None:
            before = self._time(connection) - KEPT_SECONDS
            connection.execute(delete(table).where(table.c.at < before))

        await self._store.write(change)

    def _time(self, connection: Connection) -> float:
        if connection.dialect.name != POSTGRESQL:
            return self._now()
        return float(connection.scalar(select(extract("epoch", func.clock_timestamp()))) or 0)


def _locked(
    connection: Connection, places: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Usage]:
    unused = [
        {"client": client, "policy": policy, "used": UNUSED.used, "at": UNUSED.at}
        for client, policy in places
    ]
    connection.execute(insert_new(connection.dialect.name, table), unused)
    rows = connection.execute(
        select(table)
        .where(tuple_(table.c.client, table.c.policy).in_(places))
        .order_by(table.c.client, table.c.policy)
        .with_for_update()
    )
    found = {(row.client, row.policy): Usage(row.used, row.at) for row in rows}
    # One may just have been forgotten by another gateway: it says nothing any more.
    return dict.fromkeys(places, UNUSED) | found


_CHANGE: Final = (
    update(table)
    .where(table.c.client == bindparam("of"), table.c.policy == bindparam("by"))
    .values(used=bindparam("used_"), at=bindparam("at_"))
)
