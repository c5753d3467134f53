"""Plumbing for small HTTP services and queue workers. It knows nothing of what they are about."""
