"""Fields that several bodies have."""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from notification_contracts.channels import CHANNELS
from notification_contracts.events import (
    DATA_MAX_BYTES,
    HTML_MAX_CHARS,
    MAX_TAGS,
    MESSAGE_MAX_CHARS,
    REFERENCE_MAX_CHARS,
    SUBJECT_MAX_CHARS,
    TAG_MAX_CHARS,
    USER_ID_MAX_CHARS,
)

# JSON may write a character beyond the basic plane as two escapes of six bytes: "\ud83d\ude00",
# and one of ASCII, which is a byte of UTF-8, as one: "\u0041".
_BYTES_PER_CHAR: Final = 12
_BYTES_PER_BYTE: Final = 6
# Names of fields, times, punctuation and indentation.
_REST_BYTES: Final = 4096
_LARGEST_REQUEST_BYTES: Final = (
    _REST_BYTES
    + _BYTES_PER_CHAR
    * (
        MESSAGE_MAX_CHARS
        + HTML_MAX_CHARS
        + SUBJECT_MAX_CHARS
        + USER_ID_MAX_CHARS
        + REFERENCE_MAX_CHARS
    )
    + _BYTES_PER_BYTE * (DATA_MAX_BYTES + MAX_TAGS * TAG_MAX_CHARS)
)
_STEP_BYTES: Final = 512 * 1024
MAX_REQUEST_BYTES: Final = -(-_LARGEST_REQUEST_BYTES // _STEP_BYTES) * _STEP_BYTES
"""How large a body may be: no request that the limits of its fields allow is larger."""


def _known_channel(name: str) -> str:
    if name not in CHANNELS:
        raise PydanticCustomError(
            "invalid_value", "must be one of {channels}", {"channels": ", ".join(CHANNELS)}
        )
    return name


def _channel_schema(schema: dict[str, Any]) -> None:
    # With a title it is a schema of its own in the document.
    schema.update(title="Channel", enum=list(CHANNELS))


KnownChannel = Annotated[
    str, AfterValidator(_known_channel), Field(json_schema_extra=_channel_schema)
]
"""The name of a channel that is registered when the value is validated."""
