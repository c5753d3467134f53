"""Accepts notifications, and answers for their status."""
