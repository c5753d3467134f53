"""Parameters that several calls have: which user they are about, and which page."""

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import Path, Query
from notification_contracts.events import USER_ID_MAX_CHARS
from service_kit.http.fields import FieldError
from service_kit.http.problems import INVALID_REQUEST, ProblemError

Place = TypeVar("Place")

Limit = Annotated[int, Query(ge=1, le=200, description="How many items the page may hold.")]
Cursor = Annotated[
    str | None,
    Query(
        max_length=1024, description="`next_cursor` of the page before; without it, the first page."
    ),
]


def _user_id(example: str) -> Any:  # noqa: ANN401 - FastAPI's own
    # Described, not checked: the id is still encoded, and one that cannot be is not found.
    return Path(
        description="The user's id; percent-encode what a segment of a path cannot hold, such as"
        " `/`.",
        openapi_examples={"a user's id": {"value": example}},
        json_schema_extra={"minLength": 1, "maxLength": USER_ID_MAX_CHARS},
    )


UserIdInPath = Annotated[str, _user_id("user_test")]

OtherUserIdInPath = Annotated[str, _user_id("ada")]
"""Storing and forgetting are tried out on another user than the one that all examples write to."""


def read_cursor(cursor: str | None, read: Callable[[str], Place]) -> Place | None:
    """Return the place after which the page begins; None for the first page.

    Raises:
        ProblemError: `read` refuses the cursor with a ValueError.
    """
    if not cursor:
        return None
    try:
        return read(cursor)
    except ValueError:
        fault = FieldError(
            pointer="/query/cursor",
            code="invalid_cursor",
            message="is not the next_cursor of an earlier page",
        )
        raise ProblemError(INVALID_REQUEST, errors=[fault]) from None
