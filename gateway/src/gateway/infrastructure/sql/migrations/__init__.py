"""Alembic's scripts. A new one names `HEAD` as its predecessor, and then becomes `HEAD`."""

HEAD = "0002"
