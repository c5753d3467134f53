"""Reads a stream of server-sent events, as the HTML standard has them."""

import re
from collections.abc import AsyncGenerator, AsyncIterable
from dataclasses import dataclass
from typing import Final

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_MARK: Final = b"\xef\xbb\xbf"


@dataclass(slots=True)
class Event:
    """One event. `id` is its own, or that of the last one that had one."""

    name: str = ""
    data: str = ""
    id: str = ""
    retry_seconds: float | None = None


async def read_events(chunks: AsyncIterable[bytes]) -> AsyncGenerator[Event, None]:
    """Yield each event when the blank line after it has come; half an event is dropped."""
    event, is_empty = Event(), True
    async for line in _lines(chunks):
        if line:
            is_empty = not _take(event, line) and is_empty
        elif not is_empty:
            event.data = event.data.removesuffix("\n")
            yield event
            event, is_empty = Event(id=event.id), True


def _take(event: Event, line: str) -> bool:
    """Add a line to an event; return False if it says nothing: a comment, an unknown field."""
    name, _, value = line.partition(":")
    value = value.removeprefix(" ")
    if name == "data":
        event.data += f"{value}\n"
    elif name == "event":
        event.name = value
    elif name == "id" and "\0" not in value:
        event.id = value
    elif name == "retry" and value.isascii() and value.isdigit():
        event.retry_seconds = int(value) / 1000
    else:
        return False
    return True


async def _lines(chunks: AsyncIterable[bytes]) -> AsyncGenerator[str, None]:
    rest, ended_in_cr, is_first = b"", False, True
    async for chunk in chunks:
        # The line has ended with the CR already: its LF may come at any time.
        new = chunk.removeprefix(b"\n") if ended_in_cr else chunk
        ended_in_cr = chunk.endswith(b"\r") if chunk else ended_in_cr
        *lines, rest = _LINE_END.split(rest + new)
        for line in lines:
            yield (line.removeprefix(_MARK) if is_first else line).decode(errors="replace")
            is_first = False
