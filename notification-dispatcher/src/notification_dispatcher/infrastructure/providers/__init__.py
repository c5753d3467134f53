"""Providers: opened from their URLs, each behind limits, a breaker and pauses of its own."""
