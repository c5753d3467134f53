"""Opens the database: imported only where one keeps the keys. Measured: it takes 20 MB."""

from dataclasses import dataclass

from service_kit.sql.store import SqlStore

from gateway.application.limits import UsageStore
from gateway.application.ports import AuditLog, KeyStore, StoreUnavailable
from gateway.infrastructure.sql.audit import SqlAudit
from gateway.infrastructure.sql.keys import SqlKeys
from gateway.infrastructure.sql.schema import SCHEMA
from gateway.infrastructure.sql.usage import SqlUsage


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptInSql:
    """What the gateway keeps, and the database that it is in."""

    database: SqlStore
    keys: KeyStore
    audit: AuditLog
    usage: UsageStore


def open_database(url: str) -> KeptInSql:
    """Open it; it connects when it is first used."""
    database = SqlStore(url, schema=SCHEMA, unavailable=StoreUnavailable)
    return KeptInSql(
        database=database,
        keys=SqlKeys(database),
        audit=SqlAudit(database),
        usage=SqlUsage(database),
    )
