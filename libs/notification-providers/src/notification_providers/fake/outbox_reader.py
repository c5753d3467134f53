"""Reads the outbox from its end, in bounded steps: it may be huge, and grow meanwhile."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

BLOCK: Final = 64 * 1024
LOOKS_AT_BYTES: Final = 4 * 1024 * 1024
"""So much of the file is read at most in one call, but for a line that is longer."""

Line = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxLine:
    """A line, as written, and where in the file it starts."""

    start: int
    content: Line


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxLines:
    """Lines, the last one of the file first; `rest` is where to go on, None at the beginning."""

    found: Sequence[OutboxLine]
    rest: int | None


def read_back(
    path: Path,
    *,
    before: int | None = None,
    limit: int,
    wanted: Callable[[Line], bool],
    most_bytes: int = LOOKS_AT_BYTES,
) -> OutboxLines:
    """Return up to `limit` wanted lines that end before a place in the file, by default its end.

    What is no whole line, or not what the outbox writes, is passed over. Where `most_bytes` were
    read, there may be fewer lines and still a `rest`. A file that is not there has none.

    Raises:
        OSError: it can't be read.
    """
    found: list[OutboxLine] = []
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return OutboxLines(found=(), rest=None)
    with file:
        size = file.seek(0, 2)
        end = size if before is None else min(before, size)
        start = end
        for start, text in _lines_back(file, end):
            content = _content(text)
            if content is not None and wanted(content):
                found.append(OutboxLine(start=start, content=content))
            if len(found) == limit or end - start >= most_bytes:
                break
        else:
            start = 0
    return OutboxLines(found=found, rest=start or None)


def _lines_back(file: BinaryIO, end: int) -> Iterator[tuple[int, bytes]]:
    """Yield where each whole line starts, and the line, the last one first."""
    after, is_last, at = b"", True, end
    while at > 0:
        start = max(at - BLOCK, 0)
        file.seek(start)
        head, *lines = (file.read(at - start) + after).split(b"\n")
        if is_last and lines:
            lines.pop()  # nothing, or what a writer that died left
            is_last = False
        # `after` ends where the line break was that is between it and what was yielded before.
        line_end = start + len(head) + sum(len(line) + 1 for line in lines)
        for line in reversed(lines):
            yield line_end - len(line), line
            line_end -= len(line) + 1
        after, at = head, start
    if not is_last:
        yield 0, after


def _content(text: bytes) -> Line | None:
    try:
        content = json.loads(text)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None
