"""What a client asks for, and under which key: alone, or as one of many."""

import re
from typing import Final

from fastapi import Request
from notification_contracts.channels import CHANNELS
from notification_contracts.http import NotificationRequest
from notification_contracts.sms_size import sms_size
from pydantic import TypeAdapter
from service_kit.http.bodies import parse_json_body
from service_kit.http.fields import FieldError
from service_kit.http.openapi_parts import JsonObject
from service_kit.http.problems import INVALID_REQUEST, ProblemError

from notification_publisher.application.ports import TimesNotGranted
from notification_publisher.domain.notification import Notification

_REQUEST: Final = TypeAdapter(NotificationRequest)
_KEY: Final = re.compile(r"[!-~]{1,255}")
_KEY_WORDS: Final = "must be 1 to 255 visible ASCII characters"
KEY_HEADER: Final = b"idempotency-key"
KEY_SCHEMA: Final[JsonObject] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    "pattern": "^[!-~]+$",
}
KEY_PARAMETER: Final[JsonObject] = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": (
        "Your own name for this request, kept for 24 hours: the same request under the same "
        "key gets the first answer again, and makes no second notification. It counts among those "
        "that come with your API key."
    ),
    "schema": KEY_SCHEMA,
}


def notification_in(body: bytes) -> Notification:
    """Return what a body asks for.

    Raises:
        ProblemError: it names every bad field.
    """
    asked = parse_json_body(_REQUEST, body)
    # Which channel a user prefers is known only when it is delivered; it fails then.
    too_long = CHANNELS[asked.channel].too_long(asked.message) if asked.channel else None
    if too_long:
        fault = FieldError(pointer="/message", code="too_long", message=too_long)
        raise ProblemError(INVALID_REQUEST, errors=[fault])
    return Notification(**asked.__dict__)


def key_in_header(request: Request) -> tuple[str | None, list[FieldError]]:
    """Return the idempotency key of a request, if it has one, and what is wrong with it."""
    headers = request.scope["headers"]
    keys = [value.decode("latin-1") for name, value in headers if name == KEY_HEADER]
    if len(keys) > 1 or not all(map(is_key, keys)):
        words = f"{_KEY_WORDS}, and be given once"
        return None, [key_fault("/header/idempotency-key", words)]
    return (keys[0] if keys else None), []


def is_key(value: object) -> bool:
    """Tell whether a value can be an idempotency key."""
    return isinstance(value, str) and _KEY.fullmatch(value) is not None


def key_fault(pointer: str, words: str = _KEY_WORDS) -> FieldError:
    """Say of a key that it can't be one."""
    return FieldError(pointer=pointer, code="invalid_value", message=words)


def times_refused(error: TimesNotGranted) -> ProblemError:
    """Name the times that can't be granted."""
    faults = [
        FieldError(pointer=fault.pointer, code=fault.code, message=fault.message)
        for fault in error.faults
    ]
    return ProblemError(INVALID_REQUEST, errors=faults)


def segments_of(asked: Notification) -> int | None:
    """Return how many segments it takes as an SMS; None on any other channel."""
    if asked.channel is None or CHANNELS[asked.channel].max_sms_segments is None:
        return None
    return sms_size(asked.message).segments
