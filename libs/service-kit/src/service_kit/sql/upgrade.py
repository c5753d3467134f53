"""Alembic, called from here only, and imported only when a schema is not this release's."""

import logging

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from service_kit.logs import get_logger

log = get_logger(__name__)


def upgrade(connection: Connection, scripts_in: str, found: str | None) -> None:
    """Apply the migrations that follow revision `found`, in the transaction of the connection.

    `scripts_in` is where alembic finds them: `package:folder`.
    """
    # It narrates each run at INFO, and gets SQLite's transactions wrong in doing so.
    logging.getLogger("alembic.runtime.migration").setLevel(logging.WARNING)
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", scripts_in)
    scripts = ScriptDirectory.from_config(config)
    head = scripts.get_current_head()
    if found is not None and all(found != each.revision for each in scripts.walk_revisions()):
        # Migrations only ever add, so after a roll-back this release runs on a later schema.
        log.warning("database.schema_is_newer", found=found, known=head)
        return
    command.upgrade(config, "head")
    log.info("database.schema_upgraded", found=found, to=head)
