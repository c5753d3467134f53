"""HTTP: requests to use cases, and their outcomes to JSON."""
