"""Times in JSON: RFC 3339 strings with an offset, and nothing else; in Python aware UTC."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator
from pydantic_core import PydanticCustomError

_LOCAL = r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?"
_RFC_3339 = re.compile(rf"{_LOCAL}([Zz]|[+-]\d{{2}}:\d{{2}})", re.ASCII)
_WITHOUT_OFFSET = re.compile(_LOCAL, re.ASCII)


def _refuse_other_forms(value: object) -> object:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("wrong_type", "must be a string, as in 2027-01-31T09:00:00Z")
    if _WITHOUT_OFFSET.fullmatch(value):
        raise PydanticCustomError(
            "invalid_value", "must say its offset from UTC, as in 2027-01-31T09:00:00Z"
        )
    if not _RFC_3339.fullmatch(value):
        raise PydanticCustomError(
            "invalid_value", "must be an RFC 3339 time, as in 2027-01-31T09:00:00Z"
        )
    return value


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError as error:
        raise PydanticCustomError("invalid_value", "is out of range in UTC") from error


Timestamp = Annotated[AwareDatetime, BeforeValidator(_refuse_other_forms), AfterValidator(_in_utc)]
"""A time from outside. Numbers, dates and times without an offset are refused."""
