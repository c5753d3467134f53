"""What the gateway itself refuses, and the problem documents that clients get for it."""

from datetime import timedelta
from typing import Final

from service_kit.http.openapi_parts import Responses
from service_kit.http.openapi_parts import refusals as describe
from service_kit.http.problems import Problem, ProblemTable

from gateway.application.ports import KeyNotActive, LastAdminKey, StoreUnavailable, UnknownKey

UNAUTHENTICATED: Final = Problem(
    401,
    "unauthenticated",
    "A valid API key is needed",
    detail="Send `Authorization: Bearer KEY`; the key is unknown, expired, revoked or missing.",
)
MISSING_SCOPE: Final = Problem(403, "missing_scope", "The key may not do this")
UNPROVEN_CHANGE: Final = Problem(
    403,
    "cross_site_request",
    "A session may change something only from the gateway's own page",
    detail="The request has neither `Origin` nor `Sec-Fetch-Site`; send a key instead.",
)

PROBLEMS: Final[ProblemTable] = {
    UnknownKey: Problem(404, "unknown_key", "There is no key with this prefix"),
    KeyNotActive: Problem(
        409, "key_not_active", "The key has been replaced, revoked, or has expired"
    ),
    LastAdminKey: Problem(
        409, "last_admin_key", "Nobody could make keys any more; make another admin key first"
    ),
    StoreUnavailable: Problem(
        503,
        "key_store_unavailable",
        "Keys cannot be looked up; nothing was done",
        timedelta(seconds=2),
    ),
}


def refusals(*errors: type[Exception]) -> Responses:
    """Describe the answers to these errors."""
    return describe(*(PROBLEMS[error] for error in errors))
