"""Contacts from the user-service, over HTTP."""

import re
from dataclasses import dataclass

from notification_contracts.channels import CHANNELS
from pydantic import JsonValue, TypeAdapter, ValidationError
from service_kit.http.client import HttpClient, UpstreamTimeout, UpstreamUnavailable
from service_kit.http.paths import path_segment
from structlog.contextvars import get_contextvars

from notification_dispatcher.application.ports import ContactsUnavailable, UnknownUser
from notification_dispatcher.domain.contact import Contact

_HEADER_SAFE = re.compile(r"[A-Za-z0-9._:-]{1,128}")
_OBJECT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpContactDirectory:
    """Asks the user-service each time. Put a `CachedContacts` before it."""

    http: HttpClient

    async def contact_of(self, user_id: str) -> Contact:
        """Return what `GET /users/{user_id}/contact-info` answers."""
        path = f"/users/{path_segment(user_id)}/contact-info"
        try:
            answer = await self.http.request("GET", path, headers=_request_id())
        except (UpstreamUnavailable, UpstreamTimeout) as error:
            raise ContactsUnavailable("the user-service gives no answer") from error
        if answer.status == 200:
            return _contact(answer.body)
        if answer.status == 404 and _is_about_a_user(answer.body):
            raise UnknownUser(user_id)
        raise ContactsUnavailable(f"the user-service answers {answer.status}")


def _request_id() -> dict[str, str]:
    """Let the user-service's log be found by the same id as ours."""
    context = get_contextvars()
    candidates = (context.get("request_id", ""), context.get("trace_id", ""))
    # A foreign producer may write anything into its event; a header can't hold anything.
    request_id = next(filter(_HEADER_SAFE.fullmatch, candidates), None)
    return {"X-Request-ID": request_id} if request_id else {}


def _contact(body: bytes) -> Contact:
    try:
        fields = _OBJECT.validate_json(body)
    except ValidationError as error:
        raise ContactsUnavailable("the user-service's answer can't be understood") from error
    addresses = {name: address for name in CHANNELS if isinstance(address := fields.get(name), str)}
    preferred = fields.get("preferred_channel")
    return Contact(
        addresses=addresses,
        preferred_channel=preferred if isinstance(preferred, str) else None,
    )


def _is_about_a_user(body: bytes) -> bool:
    """Tell an unknown user from a wrong address: a proxy's 404 must not cost a notification."""
    try:
        return _OBJECT.validate_json(body).get("code") != "not_found"
    except ValidationError:
        return False
