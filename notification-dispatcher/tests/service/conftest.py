import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from durable_queue.factory import open_queue
from durable_queue.memory import InMemoryQueue, MemoryOptions
from durable_queue.port import Message, Queue
from notification_contracts.codec import encode
from notification_contracts.events import NotificationRequested
from notification_contracts.lanes import validation_lane
from notification_contracts.states import Priority, Status
from notification_contracts.trace_ids import new_trace_id
from notification_dispatcher.main import build
from notification_dispatcher.settings import settings_class
from notification_ledger.memory import MemoryLedger
from notification_ledger.redis import RedisLedger, lua_recorder
from notification_ledger.status_update import StatusUpdate
from service_kit.epoch import utc_now
from service_kit.http.paths import SegmentPaths, decode_segment
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from testkit.http import asgi_client, live_server

SEGMENTS = Middleware(SegmentPaths)


@dataclass
class UserServiceTwin:
    """Answers contact look-ups over real HTTP."""

    users: dict[str, dict[str, str | None]] = field(default_factory=dict)
    is_down: bool = False
    lookups: list[str] = field(default_factory=list)
    reports: list[dict[str, str]] = field(default_factory=list)
    request_ids: list[str | None] = field(default_factory=list)
    tokens: set[str | None] = field(default_factory=set)

    def app(self) -> Starlette:
        routes = [
            Route("/users/{user_id}/contact-info", self._contact_info),
            Route("/contact-info/lookup", self._contact_infos, methods=["POST"]),
            Route("/address-reports", self._address_reports, methods=["POST"]),
        ]
        return Starlette(routes=routes, middleware=[SEGMENTS])

    async def _address_reports(self, request: Request) -> JSONResponse:
        self.tokens.add(request.headers.get("x-internal-token"))
        if self.is_down:
            return JSONResponse({"code": "users_unavailable"}, status_code=503)
        self.reports += (await request.json())["reports"]
        return JSONResponse({"results": []})

    async def _contact_infos(self, request: Request) -> JSONResponse:
        self.tokens.add(request.headers.get("x-internal-token"))
        user_ids = (await request.json())["user_ids"]
        self.lookups += user_ids
        self.request_ids.append(request.headers.get("x-request-id"))
        if self.is_down:
            return JSONResponse({"code": "users_unavailable"}, status_code=503)
        return JSONResponse({"contacts": {each: self.users.get(each) for each in user_ids}})

    async def _contact_info(self, request: Request) -> JSONResponse:
        self.tokens.add(request.headers.get("x-internal-token"))
        user_id = decode_segment(request.path_params["user_id"])
        self.lookups.append(user_id)
        self.request_ids.append(request.headers.get("x-request-id"))
        if self.is_down:
            return JSONResponse({"code": "users_unavailable"}, status_code=503)
        if user_id not in self.users:
            return JSONResponse({"code": "user_not_found"}, status_code=404)
        return JSONResponse(self.users[user_id])


@pytest.fixture
def user_service():
    twin = UserServiceTwin()
    twin.users["ada"] = {
        "email": "ada@example.com",
        "sms": "+12025550101",
        "push": "token-ada",
        "preferred_channel": "email",
    }
    return twin


@dataclass
class Publisher:
    """Sends as the publisher does, and reads what came of it."""

    queue: Queue
    ledger: MemoryLedger | RedisLedger

    async def __call__(
        self,
        user_id: str = "ada",
        message: str = "hello",
        *,
        expires_at: datetime | None = None,
        **fields: str,
    ) -> str:
        """Send as the publisher does; return the trace id."""
        event = NotificationRequested(
            user_id=user_id, message=message, expires_at=expires_at, **fields
        )
        return await self.bytes(encode(event), event=event)

    async def bytes(self, body: bytes, *, event: NotificationRequested | None = None) -> str:
        trace_id = new_trace_id()
        note = StatusUpdate(status=Status.QUEUED, user_id=event.user_id if event else None)
        await self.queue.send(
            Message(
                id=trace_id,
                lane=validation_lane(event.priority if event else Priority.NORMAL),
                body=body,
                expires_at=event.expires_at if event else None,
                note=note.encode(),
            )
        )
        return trace_id

    async def until(self, trace_id: str, *statuses: str, seconds: float = 60):
        """Wait until the notification has one of these statuses; return its record."""
        async with asyncio.timeout(seconds):
            while True:
                record = await self.ledger.get(trace_id)
                if record is not None and record.status in statuses:
                    return record
                await asyncio.sleep(0.02)


def settings(**changes):
    defaults: Any = {
        "BROKER_URL": "memory://",
        "USER_SERVICE_URL": "http://127.0.0.1:1",
        "ALLOW_VOLATILE": True,
        "RETRY_SCHEDULE": "0.1s,0.1s,0.1s",
    }
    return settings_class()(**(defaults | changes))


@pytest.fixture
def outbox(tmp_path):
    """The fake providers' outbox: a path that can be read as messages."""

    class Outbox:
        path = tmp_path / "outbox.jsonl"

        def lines(self) -> list[dict[str, str]]:
            if not self.path.exists():
                return []
            return [json.loads(line) for line in self.path.read_text("utf-8").splitlines()]

        async def until(self, count: int, seconds: float = 60) -> list[dict[str, str]]:
            async with asyncio.timeout(seconds):
                while len(self.lines()) < count:
                    await asyncio.sleep(0.02)
            return self.lines()

    return Outbox()


@pytest.fixture
async def in_memory(contacts, outbox):
    """Run a whole dispatcher on an in-memory queue; give what sends to it, and its HTTP client."""

    @asynccontextmanager
    async def run(
        *,
        providers=None,
        receipts=None,
        pauses=None,
        lease=timedelta(seconds=60),
        now=utc_now,
        **changes,
    ):
        ledger = MemoryLedger()
        queue = InMemoryQueue(recorder=ledger, now=now, options=MemoryOptions(lease=lease))
        app = build(
            settings(**{"FAKE_OUTBOX": outbox.path} | changes),
            queue=queue,
            contacts=contacts,
            providers=providers,
            receipts=receipts or ledger,
            pauses=pauses,
        )
        async with asgi_client(app) as http:
            yield Publisher(queue, ledger), http

    return run


@pytest.fixture
async def send_on_redis(redis_url):
    """Send as the publisher does, on a real Redis."""
    queue = open_queue(redis_url, recorder=lua_recorder())
    ledger = RedisLedger(redis_url)
    yield Publisher(queue, ledger)
    await queue.close()
    await ledger.close()


@pytest.fixture
async def on_redis(redis_url, send_on_redis, user_service, outbox):
    """Run a whole dispatcher on a real Redis, with a user-service over real HTTP."""

    @asynccontextmanager
    async def run(*, providers=None, **changes):
        async with live_server(user_service.app()) as url:
            changes = {"BROKER_URL": redis_url, "USER_SERVICE_URL": url} | changes
            app = build(settings(FAKE_OUTBOX=outbox.path, **changes), providers=providers)
            async with asgi_client(app) as http:
                yield send_on_redis, http

    return run


@pytest.fixture
async def send_on_private_redis(private_redis):
    """Send as the publisher does, on a Redis that the test may freeze."""
    queue = open_queue(private_redis.url, recorder=lua_recorder())
    ledger = RedisLedger(private_redis.url)
    yield Publisher(queue, ledger)
    await queue.close()
    await ledger.close()
