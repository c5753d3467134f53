"""Run by alembic, inside the transaction, and under the lock, of `schema.prepare`."""

from alembic import context

from user_service.infrastructure.sql.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
