"""Keys, sessions and the audit list in SQLite or PostgreSQL."""
