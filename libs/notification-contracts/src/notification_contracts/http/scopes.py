"""What an API key may do: each call says which scope it needs, where it is declared."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

SCOPE_FIELD: Final = "x-scope"
_NONE: Final = "none"


class Scope(StrEnum):
    """What a key may do. `admin` includes the others; those stand each alone."""

    SEND = "send"
    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"


NEEDS_NO_KEY: Final[dict[str, Any]] = {SCOPE_FIELD: _NONE}
"""For a route's `openapi_extra`: a call that is open to anyone, whatever else is locked."""


def needs(scope: Scope) -> dict[str, Any]:
    """Say, as a route's `openapi_extra`, which scope a call needs."""
    return {SCOPE_FIELD: scope.value}


def scope_of(method: str, call: Mapping[str, Any]) -> Scope | None:
    """Return the scope that a described call needs, None if it needs no key.

    A GET that says nothing needs `read`.

    Raises:
        ValueError: the call changes something and does not say what it needs, or the scope is
            unknown.
    """
    said = call.get(SCOPE_FIELD, Scope.READ if method.upper() == "GET" else "")
    return None if said == _NONE else Scope(said)
