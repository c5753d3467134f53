"""Bytes to events and back. Golden samples of the bytes are in `samples/`."""

from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import to_json

from notification_contracts.events import EVENT_TYPE, NotificationRequested

SUPPORTED_VERSION: Final = 1
TEST_VERSION: Final = 2
"""A test's: a release that does not know of tests must leave it, or a provider would get it."""


class EventError(Exception):
    """The bytes are not an event that this release can handle."""


class UndecodableEvent(EventError):
    """Raised when bytes are not a `NotificationRequested`; the message names the bad fields."""


class UnsupportedVersion(EventError):
    """Raised when an event is of a later version than this release knows.

    A newer release may handle it, so it is worth keeping for a while rather than giving up.
    """


class _Envelope(BaseModel):
    version: int = 1


def encode(event: NotificationRequested) -> bytes:
    """Return the event as compact UTF-8 JSON, without fields that are not set."""
    fields = {name: value for name, value in event.__dict__.items() if value is not None}
    return encode_fields(fields, is_test=fields.pop("is_test"))


def encode_fields(fields: dict[str, Any], *, is_test: bool = False) -> bytes:
    """Return the event that has these fields: all that are set, and known to be right.

    Measured: to build the event, which looks at each of them again, costs twice as much as this.
    """
    said = {"version": SUPPORTED_VERSION, **fields, "type": EVENT_TYPE}
    if "priority" in said:
        said["priority"] = str(said["priority"])  # an enum costs as much as all the rest
    if is_test:
        # A field of its own makes a test: it is not there at all for what is none.
        said |= {"version": TEST_VERSION, "is_test": True}
    return to_json(said)


def decode(body: bytes) -> NotificationRequested:
    """Return the event that `body` holds.

    Raises:
        UnsupportedVersion: its version is later than `SUPPORTED_VERSION`, and it is no test.
        UndecodableEvent: it is not UTF-8 JSON, or a field is missing or wrong.
    """
    try:
        event = NotificationRequested.model_validate_json(body)
    except ValidationError as error:
        if _version_of(body) > SUPPORTED_VERSION:
            raise UnsupportedVersion(_unsupported(_version_of(body))) from error
        raise UndecodableEvent(_summary(error)) from error
    is_known_test = event.is_test and event.version == TEST_VERSION
    if event.version > SUPPORTED_VERSION and not is_known_test:
        raise UnsupportedVersion(_unsupported(event.version))
    return event


def _version_of(body: bytes) -> int:
    try:
        return _Envelope.model_validate_json(body).version
    except ValidationError:
        return SUPPORTED_VERSION


def _unsupported(version: int) -> str:
    return f"version {version} is later than {SUPPORTED_VERSION}"


def _summary(error: ValidationError) -> str:
    # Inputs are left out: they may hold addresses and message text, and this ends in logs.
    return "; ".join(
        f"/{'/'.join(map(str, fault['loc']))}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_context=False, include_input=False)
    )
