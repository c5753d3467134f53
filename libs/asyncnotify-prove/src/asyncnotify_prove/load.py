"""The clients of a chaos run: they send, insist until they are promised, and note the promises."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import aiohttp

from asyncnotify_prove.promises import JsonObject, Promise
from asyncnotify_prove.requests import (
    HELD_CHANNEL,
    KINDS,
    POISON,
    SMS_USERS,
    USERS,
    Kind,
    PlannedRequest,
    body_of,
    due,
    expiry,
    plan_requests,
)

CLIENTS: Final = 16
CONNECTIONS: Final = 48
TIMEOUT_SECONDS: Final = 15.0
PAUSE_SECONDS: Final = 0.2

Answer = tuple[int, JsonObject]


@dataclass(slots=True)
class Load:
    """Sends `count` notifications to a gateway within about `seconds`, over and over until it is
    promised that each is accepted; always with the same idempotency key. Some are sent again under
    their key by others, and some are withdrawn.
    """

    url: str
    count: int
    seconds: float
    seed: int
    kinds: Sequence[Kind] = KINDS
    held: Collection[str] = (HELD_CHANNEL,)
    askable: Collection[str] = ()
    promises: list[Promise] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    unpromised: list[str] = field(default_factory=list)
    conflicts: list[str] = field(default_factory=list)
    repeated: int = 0
    on_promise: Callable[[float], None] = lambda _: None

    async def create_users(self) -> None:
        """Store the users to whom is sent; their addresses script what the provider does."""
        async with aiohttp.ClientSession(self.url) as http:
            for user_id, contact in (USERS | SMS_USERS).items():
                async with http.put(f"/users/{user_id}", json=contact) as answer:
                    answer.raise_for_status()

    async def run(self) -> None:
        """Send all; return when each is promised, or there was no answer for long."""
        asked = enumerate(plan_requests(self.kinds, self.count, self.seed))
        async with self._session() as http, asyncio.TaskGroup() as tasks:
            for _ in range(CLIENTS):
                tasks.create_task(self._client(http, asked, tasks))

    async def send_poison(self) -> None:
        """Send one that ends every dispatcher that begins to send it."""
        planned = next(plan_requests([POISON], 1, self.seed))
        async with self._session() as http, asyncio.TaskGroup() as tasks:
            await self._send(http, replace(planned, key=f"prove-{self.seed}-poison"), tasks)

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=CONNECTIONS)
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        return aiohttp.ClientSession(self.url, connector=connector, timeout=timeout)

    async def _client(
        self,
        http: aiohttp.ClientSession,
        asked: Iterator[tuple[int, PlannedRequest]],
        tasks: asyncio.TaskGroup,
    ) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for number, planned in asked:
            at = began + self.seconds * number / self.count
            await asyncio.sleep(max(0.0, at - loop.time()))
            await self._send(http, planned, tasks)

    async def _send(
        self, http: aiohttp.ClientSession, planned: PlannedRequest, tasks: asyncio.TaskGroup
    ) -> None:
        now = time.time()
        body, answers = body_of(planned, now), set[str]()
        repeats = [
            tasks.create_task(self._repeat(http, planned.key, body, after, answers))
            for after in planned.repeats
        ]
        trace_id = await self._send_until_answered(http, planned.key, body)
        if trace_id is None:
            for repeat in repeats:
                repeat.cancel()
            return
        answers.add(trace_id)
        promise = Promise(
            key=planned.key,
            trace_id=trace_id,
            expected=planned.kind.outcomes(self.held),
            priority=planned.priority,
            due_at=due(planned, now),
            expires_at=expiry(planned, now),
            is_held=planned.kind.channel in self.held,
            is_askable=planned.kind.channel in self.askable,
            answers=answers,
        )
        self.promises.append(promise)
        self.on_promise(time.time())
        if planned.cancel is not None:
            tasks.create_task(self._cancel(http, promise, planned.cancel))

    async def _send_until_answered(
        self, http: aiohttp.ClientSession, key: str, body: JsonObject
    ) -> str | None:
        give_up_at = asyncio.get_running_loop().time() + self.seconds + TIMEOUT_SECONDS * 4
        for tries in itertools.count():
            answer = await self._post(http, key, body)
            if answer and answer[0] == 202:
                return str(answer[1]["trace_id"])
            if answer and answer[0] == 422:  # it has expired before anybody took it
                return None
            if asyncio.get_running_loop().time() > give_up_at:
                self.unpromised.append(key)
                return None
            await asyncio.sleep(PAUSE_SECONDS * min(tries + 1, 5))
        return None

    async def _repeat(
        self,
        http: aiohttp.ClientSession,
        key: str,
        body: JsonObject,
        after: float,
        answers: set[str],
    ) -> None:
        await asyncio.sleep(after)
        answer = await self._post(http, key, body)
        if answer and answer[0] == 202:
            answers.add(answer[1]["trace_id"])
            self.repeated += 1
        if answer and answer[0] == 409:
            self.conflicts.append(key)

    async def _cancel(self, http: aiohttp.ClientSession, promise: Promise, after: float) -> None:
        """Ask until somebody says whether it is cancelled."""
        await asyncio.sleep(after)
        give_up_at = asyncio.get_running_loop().time() + self.seconds + TIMEOUT_SECONDS * 4
        for tries in itertools.count():
            answer = await self._call(http, "DELETE", f"/notifications/{promise.trace_id}")
            if answer and answer[0] == 200:
                promise.is_cancelled = True
                return
            # After a lost answer a refusal may mean that it is cancelled already.
            if answer and answer[0] in {404, 409}:
                promise.is_cancelled = None if tries else False
                return
            if asyncio.get_running_loop().time() > give_up_at:
                return
            await asyncio.sleep(PAUSE_SECONDS * min(tries + 1, 5))

    async def _post(self, http: aiohttp.ClientSession, key: str, body: JsonObject) -> Answer | None:
        return await self._call(http, "POST", "/notifications", body, {"Idempotency-Key": key})

    async def _call(
        self,
        http: aiohttp.ClientSession,
        method: str,
        path: str,
        body: JsonObject | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer | None:
        """Return status and document; None if there was no answer."""
        try:
            async with http.request(method, path, json=body, headers=headers) as answer:
                if answer.status >= 500 or answer.status == 429:
                    self.refusals[str(answer.status)] += 1
                return answer.status, await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
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
