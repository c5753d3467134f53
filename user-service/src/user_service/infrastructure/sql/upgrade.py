"""Alembic, called from here only, and imported only when a schema is not this release's."""

import logging

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from service_kit.logs import get_logger
from sqlalchemy import Connection

log = get_logger(__name__)


def upgrade(connection: Connection, found: str | None) -> None:
    """Apply the migrations that follow revision `found`, in the transaction of the connection."""
    # It narrates each run at INFO, and gets SQLite's transactions wrong in doing so.
    logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", f"{__package__}:migrations")
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head()
    if found is not None and all(found != each.revision for each in scripts.walk_revisions()):
        # Migrations only ever add, so after a roll-back this release runs on a later schema.
        log.warning("users.schema_is_newer", found=found, known=head)
        return
    command.upgrade(config, "head")
    log.info("users.schema_upgraded", found=found, to=head)
