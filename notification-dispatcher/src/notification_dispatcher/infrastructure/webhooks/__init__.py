"""Posting events to the endpoints that clients registered."""
