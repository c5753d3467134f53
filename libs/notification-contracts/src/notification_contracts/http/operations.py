"""The operator's side: dead letters, and what is forgotten early."""

from typing import Annotated, Any, Final, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    model_validator,
)
from pydantic_core import PydanticCustomError

from notification_contracts.events import NO_CONTROL_CHARACTERS
from notification_contracts.timestamps import Timestamp

OPERATOR_PATHS: Final = (
    "/channels",
    "/dead-letters",
    "/notifications/forget",
    "/outbox",
    "/pipeline",
    "/providers",
    "/suppressions",
    "/webhooks",
)
"""What an operator's calls begin with; they are answered even while there are too many clients."""

_CODE_MAX_CHARS = 64


def _nullable(schema: dict[str, Any]) -> None:
    schema["anyOf"] = [{"type": schema.pop("type")}, {"type": "null"}]


FlagOrNull = Annotated[
    StrictBool,
    BeforeValidator(lambda flag: False if flag is None else flag),
    Field(json_schema_extra=_nullable),
]
"""A flag; null is as good as not given."""


class ReplayRequest(BaseModel):
    """Which dead letters to queue again: a filter says which, or `all`.

    A slip of the hand replays nothing: without either it is refused, unless it is a dry run.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: str | None = Field(
        default=None,
        max_length=_CODE_MAX_CHARS,
        pattern=NO_CONTROL_CHARACTERS,
        description="Only those that were given up for this reason.",
        examples=["provider_unavailable"],
    )
    channel: str | None = Field(
        default=None,
        max_length=_CODE_MAX_CHARS,
        pattern=NO_CONTROL_CHARACTERS,
        description="Only those of this channel, which may be one that is no longer in use.",
    )
    since: Timestamp | None = Field(
        default=None, description="Only those that were given up at this time or later."
    )
    until: Timestamp | None = Field(
        default=None, description="Only those that were given up before this time."
    )
    limit: StrictInt | None = Field(
        default=None, ge=1, le=1_000_000, description="At most this many, newest first."
    )
    dry_run: FlagOrNull = Field(default=False, description="Only count them.")
    all: FlagOrNull = Field(
        default=False, description="All dead letters; required if there is no filter."
    )

    @model_validator(mode="after")
    def _says_which(self) -> Self:
        filters = (self.reason, self.channel, self.since, self.until)
        if not self.all and not self.dry_run and all(each is None for each in filters):
            raise PydanticCustomError(
                "missing", "needs a filter (reason, channel, since, until), or all: true"
            )
        return self


class ReplayAnswer(BaseModel):
    """How many dead letters matched, how many were queued again, and which.

    `ambiguous` counts those that a provider may have taken before; `warning` says so in words.
    `gone` names those that can't be replayed, for somebody took their messages out of the broker.
    """

    matched: int
    replayed: int
    dry_run: bool
    trace_ids: list[str]
    ambiguous: int
    gone: list[str]
    warning: str | None


class ForgetRequest(BaseModel):
    """Which ended notifications to forget before their time."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    before: Timestamp = Field(
        description="Those that ended before this time. Dead letters have not ended: they stay.",
        examples=["2026-01-31T09:00:00Z"],
    )
    dry_run: StrictBool = Field(default=False, description="Only count them.")


class ForgetAnswer(BaseModel):
    """How many were forgotten, or would be; `more` says that there are more: ask again."""

    forgotten: int
    more: bool
    dry_run: bool
