"""What a store of webhooks promises: endpoints, what waits for each of them, and its history.

Events wait in lines: one for each endpoint and ordering key. A line that is not empty has one
message in the queue of webhooks, whose worker takes the line's events one after the other; the
store says which message that is, so that a message that comes twice does nothing.

Errors:

    WebhookError
    ├── WebhooksUnavailable   the store can't be reached, or there is none that all processes share
    │   └── WebhooksNotKept   there is none
    ├── UnknownEndpoint       no endpoint has this id
    ├── EndpointChanged       somebody else changed it meanwhile
    ├── TooManyEndpoints      there is no room for one more
    └── FollowerReplaced      another process follows the changes now
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from notification_contracts.webhooks import DisabledFor

from notification_ledger.webhooks.endpoints import Attempt, Endpoint, KeptAttempt, WebhookEvent

MAX_ENDPOINTS: Final = 100
MAX_WAITING: Final = 100_000
"""Events that may wait for one endpoint; one more disables it. They take up to 0.2 GB of Redis."""
KEPT_ATTEMPTS: Final = 500
"""About how many attempts are kept of each endpoint."""


class WebhookError(Exception):
    """Base of all errors that a store of webhooks raises."""


class WebhooksUnavailable(WebhookError):
    """Raised when the store can't be reached."""


class WebhooksNotKept(WebhooksUnavailable):
    """Raised where there is no store that all processes share."""


class UnknownEndpoint(WebhookError):
    """Raised when no endpoint has this id."""

    def __str__(self) -> str:
        return f"There is no webhook {self.args[0]}."


class UnknownAttempt(WebhookError):
    """Raised when no attempt has this id, or it is no longer kept."""

    def __str__(self) -> str:
        return f"There is no attempt {self.args[0]}, or it is no longer kept."


class EndpointChanged(WebhookError):
    """Raised when somebody else changed an endpoint meanwhile."""


class TooManyEndpoints(WebhookError):
    """Raised when there are `MAX_ENDPOINTS`."""


class FollowerReplaced(WebhookError):
    """Raised when another process follows the changes now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What waits for an endpoint under one ordering key, and the message that stands for it."""

    endpoint_id: str
    ordering_key: str
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What follows an attempt: the next event of the line, and why the endpoint was disabled."""

    next: WebhookEvent | None = None
    disabled_for: DisabledFor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """Of one subject there is nothing to tell for so long after it was told of."""

    subject: str
    quiet: timedelta


class EndpointStore(Protocol):
    """The endpoints. All methods raise `WebhooksUnavailable`."""

    async def endpoints(self) -> Sequence[Endpoint]:
        """Return all endpoints, oldest first."""
        ...

    async def version(self) -> int:
        """Return a number that changes with every change of the endpoints."""
        ...

    async def endpoint(self, endpoint_id: str) -> Endpoint:
        """Return one endpoint. Raises `UnknownEndpoint`."""
        ...

    async def store(self, endpoint: Endpoint) -> Endpoint:
        """Store a new endpoint, of revision 0, or a change of one; return it as it is stored.

        One that is enabled counts as healthy again; its failures are forgotten.

        Raises:
            TooManyEndpoints: it is new, and there is no room.
            EndpointChanged: its revision is no longer the stored one.
            UnknownEndpoint: it was deleted.
        """
        ...

    async def delete(self, endpoint_id: str) -> None:
        """Forget an endpoint, its history, and what waits for it. Raises `UnknownEndpoint`."""
        ...


class ChangesFollower(Protocol):
    """The process that follows status changes: one at a time. All raise `WebhooksUnavailable`."""

    async def acquire(self, token: str, lease: timedelta) -> bool:
        """Become the follower, or stay it, for so long; False if another process is."""
        ...

    async def release(self, token: str) -> None:
        """Stop being the follower; another may begin at once."""
        ...

    async def position(self) -> str | None:
        """Return the id of the last change of which all endpoints' lines have been told."""
        ...


class WaitingLines(Protocol):
    """What waits for endpoints. All methods raise `WebhooksUnavailable`."""

    async def append(
        self,
        entries: Sequence[tuple[Endpoint, WebhookEvent]],
        *,
        token: str | None = None,
        position: str | None = None,
        once: Once | None = None,
    ) -> Sequence[Endpoint]:
        """Put events at the ends of their lines, and note the follower's position: all or nothing.

        With `once`, nothing at all if its subject was told of lately, by whichever process.
        Endpoints that are deleted or disabled meanwhile are passed over. Returns those that it
        disabled, for they have `MAX_WAITING` events.

        Raises:
            FollowerReplaced: the process with this token is not the follower any more.
        """
        ...

    async def unsent(self) -> Sequence[Line]:
        """Return some of the lines whose messages may not be in the queue yet."""
        ...

    async def sent(self, lines: Sequence[Line]) -> None:
        """Note that the messages of these lines are in the queue."""
        ...


class EventDelivery(Protocol):
    """What a worker does with a line. All methods raise `WebhooksUnavailable`."""

    async def head(self, line: Line) -> tuple[Endpoint, WebhookEvent] | None:
        """Return the first event of a line; None if there is nothing to do for this message.

        That is so when the line is empty, which ends it, has another message, or its endpoint was
        deleted. What waits for one that is disabled is dropped.
        """
        ...

    async def settle(self, line: Line, attempt: Attempt, *, failing_limit: timedelta) -> Settled:
        """Note an attempt, and take its event off the line unless it is to be tried again.

        An endpoint that answers 410, or fails for longer than the limit, is disabled.
        """
        ...

    async def attempts(
        self, endpoint_id: str, *, limit: int, before: str | None = None
    ) -> Sequence[KeptAttempt]:
        """Return attempts, newest first, from before the one named `before`."""
        ...

    async def attempt(self, endpoint_id: str, attempt_id: str) -> KeptAttempt | None:
        """Return one attempt; None if it is not known, or no longer kept."""
        ...


class WebhookStore(EndpointStore, ChangesFollower, WaitingLines, EventDelivery, Protocol):
    """What an adapter is. Ask for the narrowest part that does."""

    async def close(self) -> None:
        """Close connections."""
        ...
