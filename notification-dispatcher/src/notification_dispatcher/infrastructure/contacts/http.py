"""Contacts from the user-service, over HTTP."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from notification_contracts.channels import CHANNELS
from pydantic import JsonValue, TypeAdapter, ValidationError
from pydantic_core import to_json
from service_kit.http.client import HttpClient, UpstreamError, UpstreamResponse
from service_kit.http.paths import path_segment
from structlog.contextvars import get_contextvars

from notification_dispatcher.application.ports import (
    ContactAnswer,
    ContactsUnavailable,
    NoSuchUser,
)
from notification_dispatcher.domain.contact import Contact, ContactAddress

_HEADER_SAFE = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_Object = dict[str, JsonValue]
_OBJECT: TypeAdapter[_Object] = TypeAdapter(_Object)
_MANY: TypeAdapter[dict[str, dict[str, _Object | None]]] = TypeAdapter(
    dict[str, dict[str, _Object | None]]
)
_JSON = {"Content-Type": "application/json"}
_MANY_PATH = "/contact-info/lookup"
_MANY_MAX_BYTES = 16 << 20  # 500 contacts, however long their addresses


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpContactDirectory:
    """Asks the user-service: by one request for all, and one by one where it refuses that.

    The one request is the cheap one for the user-service, for a single user, too.
    """

    http: HttpClient

    async def contacts_of(self, user_ids: Sequence[str]) -> Mapping[str, ContactAnswer]:
        """See `ContactDirectory`."""
        if (answers := await self._all(user_ids)) is not None:
            return answers
        each = await asyncio.gather(*map(self._one, user_ids))
        return dict(zip(user_ids, each, strict=True))

    async def _all(self, user_ids: Sequence[str]) -> Mapping[str, ContactAnswer] | None:
        """Return all answers; None if this request is refused, perhaps because of one user."""
        try:
            body = to_json({"user_ids": user_ids})
            answer = await self.http.request(
                "POST",
                _MANY_PATH,
                # Of several notifications, none is more the one whose request this is.
                headers=_JSON | _request_id() if len(user_ids) == 1 else _JSON,
                body=body,
                max_response_bytes=_MANY_MAX_BYTES,
                is_safe=True,
            )
        except UpstreamError:
            return dict.fromkeys(user_ids, _no_answer())
        if 400 <= answer.status < 500:
            return None
        if answer.status != 200:
            return dict.fromkeys(user_ids, _answers(answer.status))
        try:
            found = _MANY.validate_json(answer.body)["contacts"]
        except (ValidationError, KeyError):
            return dict.fromkeys(user_ids, _nonsense())
        return {user_id: _among(found, user_id) for user_id in user_ids}

    async def _one(self, user_id: str) -> ContactAnswer:
        path = f"/users/{path_segment(user_id)}/contact-info"
        try:
            answer = await self.http.request("GET", path, headers=_request_id())
        except UpstreamError:
            return _no_answer()
        return _answer_about(user_id, answer)


def _answer_about(user_id: str, answer: UpstreamResponse) -> ContactAnswer:
    if answer.status == 200:
        try:
            return _contact(_OBJECT.validate_json(answer.body))
        except ValidationError:
            return _nonsense()
    if answer.status == 404 and _is_about_a_user(answer.body):
        return NoSuchUser(user_id)
    return _answers(answer.status)


def _among(found: Mapping[str, _Object | None], user_id: str) -> ContactAnswer:
    if user_id not in found:
        return _nonsense()
    fields = found[user_id]
    return NoSuchUser(user_id) if fields is None else _contact(fields)


def _contact(fields: _Object) -> Contact:
    lists = fields.get("addresses")
    by_channel = lists if isinstance(lists, dict) else {}
    addresses = {
        name: found
        for name in CHANNELS
        if (found := _addresses(by_channel.get(name), fields.get(name)))
    }
    preferred = fields.get("preferred_channel")
    return Contact(
        addresses=addresses,
        preferred_channel=preferred if isinstance(preferred, str) else None,
    )


def _addresses(listed: JsonValue, single: JsonValue) -> Sequence[ContactAddress]:
    """Read one channel's addresses; a user-service of an earlier release has a single one."""
    if not isinstance(listed, list):
        return (ContactAddress(value=single),) if single and isinstance(single, str) else ()
    return tuple(
        ContactAddress(value=value, label=_text(each.get("label")), suppressed=_suppressed(each))
        for each in listed
        if isinstance(each, dict) and isinstance(value := each.get("address"), str)
    )


def _suppressed(fields: _Object) -> str | None:
    if fields.get("health") != "suppressed":
        return None
    suppression = fields.get("suppression")
    reason = _text(suppression.get("reason")) if isinstance(suppression, dict) else None
    return reason or "suppressed"


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None


def _request_id() -> dict[str, str]:
    """Pass the request id on, so that the user-service's log has it, too."""
    context = get_contextvars()
    candidates = (context.get("request_id", ""), context.get("trace_id", ""))
    # A foreign producer may write anything into its event; a header can't hold anything.
    request_id = next(filter(_HEADER_SAFE.fullmatch, candidates), None)
    return {"X-Request-ID": request_id} if request_id else {}


def _is_about_a_user(body: bytes) -> bool:
    """Distinguish an unknown user from a wrong URL: a proxy's 404 must not cost a notification."""
    try:
        return _OBJECT.validate_json(body).get("code") != "not_found"
    except ValidationError:
        return False


def _no_answer() -> ContactsUnavailable:
    return ContactsUnavailable("the user-service gives no answer")


def _answers(status: int) -> ContactsUnavailable:
    return ContactsUnavailable(f"the user-service answers {status}")


def _nonsense() -> ContactsUnavailable:
    return ContactsUnavailable("the user-service's answer can't be understood")
