"""What a key is, and what a session is."""
