"""Keeping a service's rows in SQLite or PostgreSQL.

`urls` says which databases there are, `store` opens one and names its outages, `engine` says what
both do, `sqlite` and `postgresql` how, `opening` chooses one of them, `schema` brings it to this
release's tables, `times` has what the two keep differently.
"""
