"""Users and their JSON. Answers are made as bytes: a model in between would have no reader."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from notification_contracts.channels import CHANNELS
from notification_contracts.events import UserId as WellFormedUserId
from notification_contracts.http import AddressStanding
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json
from service_kit.cursors import seal, unseal
from service_kit.http.openapi_parts import JsonObject
from service_kit.http.paths import decode_segment

from user_service.application.ports import UnknownUser
from user_service.domain.health import Suppression
from user_service.domain.user import Address, User, UserId

_LISTING = "users"
_USER_ID: TypeAdapter[str] = TypeAdapter(WellFormedUserId)


def check_user_id(text: str) -> UserId:
    """Return the id.

    Raises:
        pydantic.ValidationError: it is empty, too long or holds control characters.
    """
    return UserId(_USER_ID.validate_python(text))


def find_user_id(segment: str) -> UserId:
    """Return the id in a path's segment of a user who is to be found.

    Raises:
        UnknownUser: no user can have this id, so the store is not asked.
    """
    try:
        return check_user_id(decode_segment(segment))
    except ValidationError as error:
        raise UnknownUser from error


def contact_json(user: User, now: datetime) -> bytes:
    """Render the addresses on all channels, null where there is none, and the preference."""
    return to_json(_contact(user, now))


def user_json(user: User, now: datetime) -> bytes:
    """Render a contact together with its user's id."""
    return to_json(_user(user, now))


def user_page_json(page: Sequence[User], last: User | None, now: datetime) -> bytes:
    """Render a page, and the cursor of the one that follows if that goes on after `last`."""
    cursor = last and seal(_LISTING, last.id)
    return to_json({"items": [_user(user, now) for user in page], "next_cursor": cursor})


def contacts_json(users: Mapping[UserId, User | None], now: datetime) -> bytes:
    """Render the contacts of many users by id, null for those who are unknown."""
    contacts = {user_id: user and _contact(user, now) for user_id, user in users.items()}
    return to_json({"contacts": contacts})


def user_in(cursor: str) -> UserId:
    """Return the user id after which the page begins.

    Raises:
        ValueError: it is not one that `user_page_json` has made.
    """
    return check_user_id(unseal(_LISTING, cursor))


def _contact(user: User, now: datetime) -> JsonObject:
    # Of a channel that this release does not know, neither the address nor the preference is shown.
    preferred = user.preferred_channel if user.preferred_channel in CHANNELS else None
    first: JsonObject = dict.fromkeys(CHANNELS)
    all_of_them: JsonObject = {channel: [] for channel in CHANNELS}
    for channel in CHANNELS.keys() & user.addresses.keys():
        first[channel] = user.address_on(channel, now)
        all_of_them[channel] = [_address(each, now) for each in user.addresses[channel]]
    return {**first, "preferred_channel": preferred, "addresses": all_of_them}


def _address(address: Address, now: datetime) -> JsonObject:
    held = None if address.is_good(now) else address.suppression
    return {
        "address": address.address,
        "label": address.label,
        "added_at": address.added_at,
        "last_used_at": address.last_used_at,
        "health": AddressStanding.SUPPRESSED if held else AddressStanding.GOOD,
        "suppression": held and suppression_json(held),
    }


def suppression_json(held: Suppression) -> JsonObject:
    """Render why an address is not sent to."""
    return {
        "reason": held.reason,
        "evidence": held.evidence,
        "since": held.since,
        "until": held.until,
    }


def _user(user: User, now: datetime) -> JsonObject:
    return {"user_id": user.id, **_contact(user, now)}
