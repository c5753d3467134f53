"""The queries. Each reads users with all their addresses in one statement, hence of one moment."""

from typing import Final

from sqlalchemy import Select, bindparam, select

from user_service.infrastructure.sql.tables import addresses, users

# Built once: building a statement costs more than SQLite takes to answer it.
_WITH_ADDRESSES: Final = select(
    users.c.user_id, users.c.preferred_channel, addresses.c.channel, addresses.c.address
).select_from(users.outerjoin(addresses))

MANY: Final = _WITH_ADDRESSES.where(users.c.user_id.in_(bindparam("user_ids", expanding=True)))


def _page() -> Select[str, str | None, str | None, str | None]:
    # Limited before the join: a page counts users, not addresses.
    page = (
        select(users.c.user_id, users.c.preferred_channel)
        .where(users.c.user_id > bindparam("after"))
        .order_by(users.c.user_id)
        .limit(bindparam("limit"))
        .subquery()
    )
    return (
        select(page.c.user_id, page.c.preferred_channel, addresses.c.channel, addresses.c.address)
        .select_from(page.outerjoin(addresses, addresses.c.user_id == page.c.user_id))
        .order_by(page.c.user_id)
    )


PAGE: Final = _page()
