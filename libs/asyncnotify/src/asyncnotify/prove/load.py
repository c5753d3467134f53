"""The clients of a chaos run: they send, insist until they are promised, and note the promises."""

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import aiohttp

from asyncnotify.prove.reconcile import JsonObject, Promise

CLIENTS: Final = 16
PATIENCE_SECONDS: Final = 15.0
PAUSE_SECONDS: Final = 0.2

USERS: Final[dict[str, JsonObject]] = {
    "prove-ok": {"email": "ok@sim.example", "sms": "+15005550001", "push": "sim-ok"},
    "prove-flaky": {"email": "fail-2-then-ok@sim.example"},
    "prove-throttled": {"email": "429-after-1s@sim.example"},
    "prove-unsure": {"email": "timeout-after-accept@sim.example"},
    "prove-refused": {"email": "fail-permanent@sim.example"},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of request, how it must end, and how often it is sent relative to the others."""

    user_id: str
    expected: str = "sent"
    weight: int = 1
    channel: str | None = None
    delay: timedelta | None = None
    priority: str = "normal"


KINDS: Final = (
    Kind(user_id="prove-ok", weight=50),
    Kind(user_id="prove-ok", weight=10, channel="sms"),
    Kind(user_id="prove-ok", weight=10, channel="push", priority="high"),
    Kind(user_id="prove-ok", weight=5, delay=timedelta(seconds=5), priority="low"),
    Kind(user_id="prove-flaky", weight=10),
    Kind(user_id="prove-throttled", weight=3),
    Kind(user_id="prove-unsure", weight=3),
    Kind(user_id="prove-refused", weight=3, expected="failed:provider_rejected"),
    Kind(user_id="prove-refused", weight=3, channel="sms", expected="failed:no_address"),
    Kind(user_id="prove-nobody", weight=3, expected="failed:unknown_user"),
)


@dataclass(slots=True)
class Load:
    """Sends `count` notifications to a gateway within about `seconds`, over and over until it is
    promised that each is accepted; always with the same idempotency key.
    """

    url: str
    count: int
    seconds: float
    seed: int
    promises: list[Promise] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    unpromised: list[str] = field(default_factory=list)
    on_promise: Callable[[float], None] = lambda _: None

    async def create_users(self) -> None:
        """Store the users to whom is sent; their addresses script what the provider does."""
        async with aiohttp.ClientSession(self.url) as http:
            for user_id, contact in USERS.items():
                async with http.put(f"/users/{user_id}", json=contact) as answer:
                    answer.raise_for_status()

    async def run(self) -> None:
        """Send all; return when each is promised, or nobody has answered for long."""
        requests = self._requests()
        connector = aiohttp.TCPConnector(limit=CLIENTS)
        timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        session = aiohttp.ClientSession(self.url, connector=connector, timeout=timeout)
        async with session as http, asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                clients.create_task(self._client(http, requests))

    def _requests(self) -> Iterator[tuple[int, Kind]]:
        chance = random.Random(self.seed)  # noqa: S311 - a load, not cryptography
        kinds = chance.choices(KINDS, weights=[kind.weight for kind in KINDS], k=self.count)
        return enumerate(kinds)

    async def _client(
        self, http: aiohttp.ClientSession, requests: Iterator[tuple[int, Kind]]
    ) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number, kind in requests:
            due = began + self.seconds * number / self.count
            await asyncio.sleep(max(0.0, due - loop.time()))
            await self._insist(http, f"prove-{self.seed}-{number}", kind)

    async def _insist(self, http: aiohttp.ClientSession, key: str, kind: Kind) -> None:
        body = _body(key, kind)
        give_up_at = asyncio.get_running_loop().time() + self.seconds + PATIENCE_SECONDS * 4
        for tries in itertools.count():
            answer = await self._post(http, key, body)
            if answer is not None:
                promise = Promise(key=key, trace_id=answer["trace_id"], expected=kind.expected)
                self.promises.append(promise)
                self.on_promise(asyncio.get_running_loop().time())
                return
            if asyncio.get_running_loop().time() > give_up_at:
                self.unpromised.append(key)
                return
            await asyncio.sleep(PAUSE_SECONDS * min(tries + 1, 5))

    async def _post(
        self, http: aiohttp.ClientSession, key: str, body: JsonObject
    ) -> JsonObject | None:
        headers = {"Idempotency-Key": key}
        try:
            async with http.post("/notifications", json=body, headers=headers) as answer:
                if answer.status == 202:
                    promised: JsonObject = await answer.json()
                    return promised
                self.refusals[str(answer.status)] += 1
        except (aiohttp.ClientError, TimeoutError) as error:
            self.refusals[type(error).__name__] += 1
        return None


async def fetch_records(url: str, trace_ids: Sequence[str]) -> dict[str, JsonObject]:
    """Ask the gateway for each notification; those that it doesn't know are left out."""
    records: dict[str, JsonObject] = {}
    waiting = iter(trace_ids)

    async def client(http: aiohttp.ClientSession) -> None:
        for trace_id in waiting:
            async with http.get(f"/notifications/{trace_id}") as answer:
                if answer.status == 404:
                    continue
                answer.raise_for_status()
                records[trace_id] = await answer.json()

    async with aiohttp.ClientSession(url) as http, asyncio.TaskGroup() as clients:
        for _ in range(CLIENTS):
            clients.create_task(client(http))
    return records


def _body(key: str, kind: Kind) -> JsonObject:
    body: JsonObject = {"user_id": kind.user_id, "message": key, "priority": kind.priority}
    if kind.channel:
        body["channel"] = kind.channel
    if kind.delay:
        body["send_at"] = (datetime.now(UTC) + kind.delay).isoformat()
    return body
