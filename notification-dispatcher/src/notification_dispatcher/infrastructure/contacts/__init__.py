"""The user-service as a contact directory, and what stands before it."""
