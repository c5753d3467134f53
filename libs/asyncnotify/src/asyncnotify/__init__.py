"""Tell people things through AsyncNotify.

`Client` waits for each answer; `AsyncNotify` has the same calls for programs with an event loop.

    with Client("http://localhost:8000") as notify:
        accepted = notify.send("user_test", "your purchase was completed successfully")
        print(notify.wait(accepted.trace_id).status)
"""

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
