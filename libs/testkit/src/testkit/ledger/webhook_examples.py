"""What the suites of the store of webhooks work with."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from notification_contracts.states import Status
from notification_contracts.webhooks import AttemptOutcome
from notification_ledger.reading import StatusChange
from notification_ledger.webhooks.endpoints import Attempt, Endpoint, EndpointSettings, WebhookEvent
from notification_ledger.webhooks.events import Labels, status_event
from notification_ledger.webhooks.port import FollowerReplaced, Line, WebhookStore

AT = datetime(2026, 1, 31, 9, tzinfo=UTC)
DAYS = timedelta(days=5)
FORMER, TOKEN = "whsec_b2xk", "a"
MAX_ENDPOINTS, MAX_WAITING = 3, 4


def make_endpoint(name: str = "wh_1", **said: object) -> Endpoint:
    """Make an endpoint that was never stored."""
    fields = {
        "id": name,
        "settings": EndpointSettings(url="https://example.com/hook", tags=("orders",)),
        "secret": "whsec_c2VjcmV0",
        "since": "0-0",
        "created_at": AT,
        "updated_at": AT,
    }
    return Endpoint(**(fields | said))  # type: ignore[arg-type]


def make_event(status: Status = Status.SENT, trace_id: str = "t1") -> WebhookEvent:
    """Make the event of a status change."""
    change = StatusChange(
        id="1-0",
        trace_id=trace_id,
        user_id="kälin",
        channel="email",
        status=status,
        reason=None,
        at=AT + timedelta(milliseconds=list(Status).index(status)),
    )
    return status_event(change, Labels(tags=("orders",), reference="o-7"))


def make_attempt(event: WebhookEvent, outcome: AttemptOutcome, **said: object) -> Attempt:
    """Make an attempt that took a while."""
    fields = {"event": event, "number": 1, "outcome": outcome, "duration_ms": 12.5}
    return Attempt(**(fields | said))  # type: ignore[arg-type]


async def put(store: WebhookStore, *statuses: Status, trace_id: str = "t1") -> Line:
    """Put events into a line of the endpoint; return the line as the queue is told of it."""
    endpoint = await store.endpoint("wh_1")
    await store.append([(endpoint, make_event(status, trace_id)) for status in statuses])
    lines = [each for each in await store.unsent() if each.ordering_key == trace_id]
    await store.sent(lines)
    return lines[0]


async def first_of(store: WebhookStore, line: Line) -> WebhookEvent:
    """Return the first event of a line that must have one."""
    head = await store.head(line)
    assert head is not None
    return head[1]


async def until_replaced(store: WebhookStore, token: str) -> None:
    """Wait until the store takes nothing more from this follower."""
    async with asyncio.timeout(30):
        with suppress(FollowerReplaced):
            while True:
                await store.append([], token=token)
                await asyncio.sleep(0.01)
