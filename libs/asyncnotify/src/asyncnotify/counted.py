"""Numbers with what they count, in words."""


def counted(count: int, noun: str) -> str:
    """Return a number and what it counts: "1 row", "3 rows"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
