"""Fields that several bodies have."""

from typing import Annotated, Any, Final

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from notification_contracts.channels import CHANNELS

ADDRESS_MAX_CHARS: Final = 512


def _known_channel(name: str) -> str:
    if name not in CHANNELS:
        raise PydanticCustomError(
            "invalid_value", "must be one of {channels}", {"channels": ", ".join(CHANNELS)}
        )
    return name


def _channel_schema(schema: dict[str, Any]) -> None:
    schema["enum"] = list(CHANNELS)


KnownChannel = Annotated[
    str, AfterValidator(_known_channel), Field(json_schema_extra=_channel_schema)
]
"""The name of a channel that is registered when the value is validated."""
