"""A parameter that several calls have: which user they are about."""

from typing import Annotated, Any

from fastapi import Path
from notification_contracts.events import USER_ID_MAX_CHARS


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
