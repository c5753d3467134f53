"""What a push service says of a refusal, fit for timelines and logs."""

from typing import Final

_MAX_CHARS: Final = 200


def quotable(text: str, address: str | None = None) -> str:
    """Return one line of a service's own words; nothing if they repeat the address."""
    words = " ".join(text.split())[:_MAX_CHARS]
    if not address:
        return words
    # A service that quotes it may have cut it short.
    return "" if address[-20:] in words or address[:20] in words else words
