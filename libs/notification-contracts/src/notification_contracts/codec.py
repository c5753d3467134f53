"""Bytes to events and back. Golden samples of the bytes are in `samples/`."""

from typing import Final

from pydantic import BaseModel, ValidationError

from notification_contracts.events import NotificationRequested

SUPPORTED_VERSION: Final = 1
TEST_VERSION: Final = 2
"""A test's: a release that does not know of tests must leave it, or a provider would get it."""


_IS_TEST: Final = {"is_test"}
_OF_A_TEST: Final = {"version": TEST_VERSION}


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
    if not event.is_test:
        return event.model_dump_json(exclude_none=True, exclude=_IS_TEST).encode()
    return event.model_copy(update=_OF_A_TEST).model_dump_json(exclude_none=True).encode()


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
