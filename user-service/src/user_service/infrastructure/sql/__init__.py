"""Users in SQLite or PostgreSQL."""
