"""Run by alembic, inside the transaction, and under the lock, of `service_kit.sql.schema`."""

from alembic import context

from gateway.infrastructure.sql.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
