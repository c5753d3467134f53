"""Status webhooks: who is told of status changes, what waits for them, and what became of it."""
