"""What who calls may send, and what the services are told of them."""

from collections.abc import Iterator
from typing import Final

from notification_contracts.http.callers import KEY_ID_HEADER, KEY_KIND_HEADER
from pydantic_core import from_json
from service_kit.http.fields import FieldError
from service_kit.http.problems import INVALID_REQUEST, ProblemError
from starlette.requests import Request

from gateway.application.known_keys import Principal, caller_in

SENDING: Final = frozenset({"/notifications", "/notifications/batch", "/notifications/explain"})
"""The paths whose bodies name channels."""


def caller_of(request: Request) -> Principal | None:
    """Return who calls; None while nobody needs a key."""
    return caller_in(request.scope["state"])


def headers_about(caller: Principal) -> dict[str, str]:
    """Return what the services are told: a key that was rotated is the same client as before."""
    return {KEY_ID_HEADER: caller.key.family, KEY_KIND_HEADER: caller.key.kind}


def refuse_other_channels(caller: Principal | None, body: bytes) -> None:
    """Refuse a body that does not name one of the channels that the caller's key is bound to.

    Raises:
        ProblemError: `INVALID_REQUEST`, with each notification that does not.
    """
    if caller is None or caller.key.channels is None:
        return
    try:
        asked = from_json(body)
    except ValueError:
        return  # the service says what is wrong with it
    channels = caller.key.channels
    message = f"must be given with this key, as {' or '.join(sorted(channels))}"
    faults = [
        FieldError(pointer=f"{place}/channel", code="channel_not_allowed", message=message)
        for place, channel in _channels_in(asked)
        if channel not in channels
    ]
    if faults:
        raise ProblemError(INVALID_REQUEST, errors=faults)


def _channels_in(asked: object) -> Iterator[tuple[str, str | None]]:
    """Give each notification's place in the body, and its channel, if that is a text."""
    if not isinstance(asked, dict):
        return
    many = asked.get("notifications")
    found = [("", asked)] if many is None else _numbered(many)
    for place, each in found:
        channel = each.get("channel") if isinstance(each, dict) else None
        yield place, channel if isinstance(channel, str) else None


def _numbered(many: object) -> list[tuple[str, object]]:
    items = many if isinstance(many, list) else []
    return [(f"/notifications/{number}", each) for number, each in enumerate(items)]
