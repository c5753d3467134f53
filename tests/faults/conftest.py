import asyncio
import collections
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from asyncnotify_prove.backing import Backing
from asyncnotify_prove.harness import ExtraProcess, Harness
from asyncnotify_prove.outbox import read_outbox
from asyncnotify_prove.promises import ENDED
from asyncnotify_prove.rabbitmq_node import RabbitNode
from asyncnotify_prove.wall_clock import WallClock
from testkit.patience import patient
from testkit.rabbitmq_server import rabbitmq_node  # noqa: F401 - a fixture
from testkit.wall_clock_fixture import require_faketime

LEASE_SECONDS = 3
KILLED_BY_FAILPOINT = 137
CONTACTS = {
    "ok": {"email": "ok@sim.example", "sms": "+15005550001", "push": "sim-ok"},
    "flaky": {"email": "fail-2-then-ok@sim.example"},
    "refused": {"email": "fail-permanent@sim.example"},
    "slow": {"email": "slow-2s@sim.example"},
    "throttled": {"email": "429-after-1s@sim.example"},
    "unsure": {"email": "timeout-after-accept@sim.example"},
    "silent": {"email": "hang@sim.example"},
    "always-down": {"email": "fail-99-then-ok@sim.example"},
}


class System:
    """A whole system, seen from outside, with what a test may do to it."""

    def __init__(self, harness: Harness, http: aiohttp.ClientSession) -> None:
        self.harness = harness
        self.http = http
        self.promised: list[str] = []
        self.clocks: dict[str, WallClock] = {}
        self._dispatchers: list[ExtraProcess] = []
        self._watching: list[asyncio.Task[None]] = []
        self._broken: list[str] = []

    async def create_users(self) -> None:
        for user_id, contact in CONTACTS.items():
            async with self.http.put(f"/users/{user_id}", json=contact) as answer:
                answer.raise_for_status()

    async def post(self, key: str | None = None, **fields: Any) -> tuple[int, dict[str, Any]]:
        body = {"user_id": "ok", "message": "hi"} | fields
        headers = {"Idempotency-Key": key} if key else {}
        async with self.http.post("/notifications", json=body, headers=headers) as answer:
            document = await answer.json(content_type=None)
            if answer.status == 202:
                self.promised.append(document["trace_id"])
            return answer.status, document

    async def send(self, **fields: Any) -> str:
        status, document = await self.post(**fields)
        assert status == 202, document
        return document["trace_id"]

    async def send_ahead(
        self, field: str, *, seconds: float = 3, **fields: Any
    ) -> tuple[dict[str, Any], str]:
        """Send one with a time that lies ahead when it is accepted; return answer and time."""
        while True:
            at = datetime.now(UTC) + timedelta(seconds=seconds)
            status, document = await self.post(**fields, **{field: at.isoformat()})
            if datetime.now(UTC) < at:
                assert status == 202, document
                return document, at.isoformat()
            # The machine stood still until then: once more.

    async def get(self, trace_id: str) -> dict[str, Any]:
        async with self.http.get(f"/notifications/{trace_id}") as answer:
            return await answer.json()

    async def until(self, trace_id: str, *statuses: str, seconds: float = 60) -> dict[str, Any]:
        """Wait until a notification has one of the statuses (by default: has ended)."""
        wanted = frozenset(statuses) or ENDED
        try:
            async with asyncio.timeout(seconds):
                while (notification := await self.get(trace_id))["status"] not in wanted:
                    assert not self._broken, f"{self._broken}\n{self.last_words()}"
                    await asyncio.sleep(0.03)
        except TimeoutError:
            raise AssertionError(f"not {wanted} in {seconds} s: {notification}") from None
        return notification

    async def sending(self, count: int = 1) -> list[str]:
        """Send to a slow provider; return when a dispatcher was seen to be at all of them."""
        while True:
            ids = [await self.send(user_id="slow") for _ in range(count)]
            seen = await asyncio.gather(
                *(self.until(each, "sending", *ENDED, seconds=90) for each in ids)
            )
            if all(each["status"] == "sending" for each in seen):
                return ids
            # Whoever looked was stopped for as long as the provider takes: once more.

    def copies(self, trace_id: str) -> int:
        """Count how often the provider got it."""
        return self.received()[trace_id]

    def received(self) -> collections.Counter[str]:
        return collections.Counter(self.arrivals())

    def arrivals(self) -> list[str]:
        """The trace ids in the order in which the provider got them."""
        return [each["trace_id"] for each in read_outbox(self.harness.outbox)]

    async def dispatcher(self, **environment: str) -> ExtraProcess:
        if clock := self.clocks.get("dispatchers"):
            environment = {**clock.environment, **environment}
        started = await self.harness.start_another("notification-dispatcher", **environment)
        self._dispatchers.append(started)
        self._watching.append(asyncio.create_task(self._watch(started)))
        return started

    async def stop_dispatchers(self) -> None:
        for started in self._dispatchers:
            await started.program.stop()
        await asyncio.gather(*self._watching)
        self._dispatchers.clear()
        self._watching.clear()
        self._broken.clear()

    async def _watch(self, started: ExtraProcess) -> None:
        """Note one that ends although nobody told it to, such as one that could not start."""
        code = await started.program.wait()
        if code > 0 and code != KILLED_BY_FAILPOINT:
            self._broken.append(f"a dispatcher ended with exit code {code}")

    def last_words(self) -> str:
        return (self.harness.folder / "services.log").read_text("utf-8", "replace")[-4000:]

    async def dies_at(self, failpoint: str, **environment: str) -> None:
        """Let a dispatcher work until it dies at a named line."""
        doomed = await self.dispatcher(AN_FAILPOINT=f"{failpoint}:exit", **environment)
        async with asyncio.timeout(60):
            assert await doomed.program.wait() == KILLED_BY_FAILPOINT

    async def conserved(self) -> None:
        """Hold the system to its word: what was promised has ended, and as the provider saw it."""
        received = self.received()
        for trace_id in self.promised:
            record = await self.until(trace_id)
            if record["status"] == "sent":
                assert received[trace_id] or self.copies(trace_id), record


@pytest.fixture(scope="module", params=["redis", "rabbitmq", "rabbitmq-memory"])
def backing(request: pytest.FixtureRequest) -> Backing:
    """Say on what a system runs: each test is for all of them, unless it says for which."""
    if request.param == "redis":
        return Backing()
    # Tests share a node, in which each system has names of its own.
    node: RabbitNode = request.getfixturevalue("rabbitmq_node")
    in_memory = request.param == "rabbitmq-memory"
    return Backing(broker_url=node.url, ledger_url="memory://" if in_memory else "redis://")


@asynccontextmanager
async def running(
    folder: Path, backing: Backing, *, sets_clock: bool = False, **environment: str
) -> AsyncIterator[System]:
    settings = {"LEASE_SECONDS": str(LEASE_SECONDS), "PROVIDER_TIMEOUT_SECONDS": "2.5"}
    dispatchers = int(environment.pop("dispatchers", "1"))
    harness = Harness(
        folder,
        dispatchers=dispatchers,
        environment=settings | environment,
        backing=backing,
        sets_clock=sets_clock,
    )
    async with AsyncExitStack() as stack:
        stack.push_async_callback(harness.stop)
        await harness.start()
        http = await stack.enter_async_context(
            aiohttp.ClientSession(harness.url, middlewares=[patient])
        )
        system = System(harness, http)
        stack.push_async_callback(system.stop_dispatchers)
        await system.create_users()
        yield system


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_system(
    backing: Backing, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    # A lease that its dispatcher does not lose only because the machine is busy.
    folder = tmp_path_factory.mktemp("system")
    async with running(folder, backing, LEASE_SECONDS="30") as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def system(shared_system: System) -> AsyncIterator[System]:
    """A system with one dispatcher; it has to keep its word when the test is over."""
    shared_system.promised.clear()
    await shared_system.create_users()
    yield shared_system
    await shared_system.conserved()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_idle_system(
    backing: Backing, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    async with running(tmp_path_factory.mktemp("system"), backing, dispatchers="0") as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def idle_system(shared_idle_system: System) -> AsyncIterator[System]:
    """A system without a dispatcher: the test starts those that it wants."""
    shared_idle_system.promised.clear()
    yield shared_idle_system
    await shared_idle_system.conserved()
    await shared_idle_system.stop_dispatchers()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_clocked_system(
    backing: Backing, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    """A system without a dispatcher whose clocks can be set: the Redis's, dispatchers', others'."""
    require_faketime()
    folder = tmp_path_factory.mktemp("system")
    dispatchers, others = WallClock(folder / "dispatchers"), WallClock(folder / "others")
    # A lease that no worker loses only because the machine is busy.
    settings = {"dispatchers": "0", "LEASE_SECONDS": "10", **others.environment}
    async with running(folder, backing, sets_clock=True, **settings) as started:
        started.clocks = {"dispatchers": dispatchers, "others": others}
        if started.harness.clock:
            started.clocks["redis"] = started.harness.clock
        yield started


@pytest.fixture(scope="session")
def start() -> Callable[..., Any]:
    """Start a system, for a file whose tests share one with settings of its own."""
    return running


@pytest.fixture
def start_system(backing: Backing, tmp_path: Path) -> Callable[..., Any]:
    return lambda **environment: running(tmp_path, backing, **environment)
