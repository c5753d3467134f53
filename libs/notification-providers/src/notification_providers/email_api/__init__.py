"""E-mail by HTTP APIs."""
