"""Lists in pages: how many items, and where the page begins."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeVar

from fastapi import Query

from service_kit.http.fields import FieldError
from service_kit.http.problems import INVALID_REQUEST, ProblemError

Item = TypeVar("Item")
Place = TypeVar("Place")

Limit = Annotated[int, Query(ge=1, le=200, description="How many items the page may hold.")]
Cursor = Annotated[
    str | None,
    Query(
        max_length=1024, description="`next_cursor` of the page before; without it, the first page."
    ),
]


def read_cursor(cursor: str | None, read: Callable[[str], Place]) -> Place | None:
    """Return the place after which the page begins; None for the first page.

    Raises:
        ProblemError: `read` refuses the cursor with a ValueError, or an OverflowError: there is no
            such place.
    """
    if not cursor:
        return None
    try:
        return read(cursor)
    except (ValueError, OverflowError):
        raise invalid_cursor() from None


async def read_page(
    read: Callable[..., Awaitable[Sequence[Item]]], limit: int
) -> tuple[Sequence[Item], Item | None]:
    """Read a page by `read(limit=…)`; return it, and its last item if others follow, else None."""
    found = await read(limit=limit + 1)
    page = found[:limit]
    return page, page[-1] if len(found) > limit else None


def invalid_cursor() -> ProblemError:
    """Refuse a cursor that no page gave."""
    fault = FieldError(
        pointer="/query/cursor",
        code="invalid_cursor",
        message="is not the next_cursor of an earlier page",
    )
    return ProblemError(INVALID_REQUEST, errors=[fault])
