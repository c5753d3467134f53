"""The audit list in SQL."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from service_kit.sql.store import SqlStore
from service_kit.sql.times import in_utc
from sqlalchemy import delete, insert, select

from gateway.application.ports import AuditEntry
from gateway.infrastructure.sql.tables import audit_entries


class SqlAudit:
    """Keeps the audit list in a database whose `SqlStore` raises `StoreUnavailable`."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    async def add(self, entries: Sequence[AuditEntry]) -> None:
        rows = [asdict(each) for each in entries]
        await self._store.write(lambda connection: connection.execute(insert(audit_entries), rows))

    async def page(self, *, after: int | None, limit: int) -> Sequence[tuple[int, AuditEntry]]:
        query = select(audit_entries).order_by(audit_entries.c.id.desc()).limit(limit)
        if after is not None:
            query = query.where(audit_entries.c.id < after)
        rows = await self._store.read(
            lambda connection: connection.execute(query).mappings().fetchall()
        )
        return [
            (
                row["id"],
                AuditEntry(
                    **{name: row[name] for name in AuditEntry.__slots__ if name != "at"},
                    at=in_utc(row["at"]),
                ),
            )
            for row in rows
        ]

    async def forget(self, before: datetime) -> None:
        old = delete(audit_entries).where(audit_entries.c.at < before)
        await self._store.write(lambda connection: connection.execute(old))
