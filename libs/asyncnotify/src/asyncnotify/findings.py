"""What `asyncnotify doctor` finds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at: how it is, in whose words, and what to do about it."""

    name: str
    is_ok: bool
    words: str
    advice: str = ""
