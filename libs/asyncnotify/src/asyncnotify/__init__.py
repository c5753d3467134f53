"""Tell people things through AsyncNotify: `AsyncNotify` is the client.

async with AsyncNotify("http://localhost:8000") as notify:
    accepted = await notify.send("user_test", "your purchase was completed successfully")
    print(await notify.status(accepted["trace_id"]))
"""

from asyncnotify.client import AsyncNotify
from asyncnotify.errors import (
    AsyncNotifyError,
    BadSetup,
    Refused,
    UnexpectedAnswer,
    Unreachable,
)

__all__ = [
    "AsyncNotify",
    "AsyncNotifyError",
    "BadSetup",
    "Refused",
    "UnexpectedAnswer",
    "Unreachable",
]
