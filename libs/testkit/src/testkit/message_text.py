"""The text in which Redis keeps a message's state, for tests that damage it or look at it."""

from collections.abc import Mapping
from itertools import zip_longest
from typing import Final

from redis.asyncio import Redis

_ENDED: Final = ("st", "born", "over", "op", "tok", "unc")
_ENDS: Final = ("", "done", "cancelled", "expired", "deleted")
_COLUMNS: Final = (
    *_ENDED,
    *("ln", "mx", "at", "df", "dl", "am", "ex", "du", "ws", "rs", "rd", "pg"),
)


async def columns_of(redis: Redis, key: str) -> Mapping[str, str]:
    """Return the queue's columns, by name."""
    return _columns(_text(await redis.get(key)))


async def set_column(redis: Redis, key: str, name: str, value: str) -> None:
    """Write something into one of the queue's columns."""
    text = _text(await redis.get(key))
    columns = {**_columns(text), name: value}
    await redis.set(key, "\t".join(columns.values()) + "\n" + text.partition("\n")[2])


def _columns(text: str) -> dict[str, str]:
    values = text.partition("\n")[0].split("\t")
    columns = _ENDED if values[0] in _ENDS else _COLUMNS
    return dict(zip_longest(columns, values, fillvalue=""))


def _text(kept: bytes | str | None) -> str:
    if kept is None:
        raise AssertionError("nothing is kept of this message")
    return kept.decode() if isinstance(kept, bytes) else kept
