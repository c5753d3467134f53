"""Tell people things through AsyncNotify.

`Client` waits for each answer; `AsyncNotify` has the same calls for programs with an event loop.

    with Client("http://localhost:8000") as notify:
        accepted = notify.send("user_test", "your purchase was completed successfully")
        print(notify.wait(accepted.trace_id).status)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncnotify.client import AsyncNotify
    from asyncnotify.errors import (
        AsyncNotifyError,
        BadSetup,
        Conflict,
        Forbidden,
        Invalid,
        NotFound,
        RateLimited,
        Refused,
        Unauthenticated,
        Unavailable,
        UnexpectedAnswer,
        Unreachable,
    )
    from asyncnotify.not_ended import NotEnded
    from asyncnotify.sync_client import Client

__all__ = [
    "AsyncNotify",
    "AsyncNotifyError",
    "BadSetup",
    "Client",
    "Conflict",
    "Forbidden",
    "Invalid",
    "NotEnded",
    "NotFound",
    "RateLimited",
    "Refused",
    "Unauthenticated",
    "Unavailable",
    "UnexpectedAnswer",
    "Unreachable",
]

_NOT_IN_ERRORS = {
    "AsyncNotify": "asyncnotify.client",
    "Client": "asyncnotify.sync_client",
    "NotEnded": "asyncnotify.not_ended",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 - any of these
    """Load what is asked for: the command that runs the services has no use for an HTTP client."""
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    return getattr(import_module(_NOT_IN_ERRORS.get(name, "asyncnotify.errors")), name)
