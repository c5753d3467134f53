"""Providers: what carries a channel's messages to people. Each is opened from its URL."""
