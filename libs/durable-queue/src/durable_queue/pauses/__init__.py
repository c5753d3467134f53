"""Pauses that all processes keep: "leave this alone until then", by name."""
