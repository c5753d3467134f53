"""The schema of this release."""

from typing import Final

from service_kit.sql.schema import Schema

from gateway.infrastructure.sql.migrations import HEAD

SCHEMA: Final = Schema(
    migrations=f"{__package__}:migrations",
    head=HEAD,
    advisory_lock=int.from_bytes(b"ANgatewa"),
)
