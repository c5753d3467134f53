"""The store of webhooks on Redis.

Keys, under the prefix `P` of the queue of webhooks, `{<namespace>.webhooks:0}`:

    P:endpoints      SET     ids of all endpoints
    P:version        STRING  counts the changes of endpoints
    P:h:<id>         HASH    an endpoint: c what was said of it (JSON), rv its revision, w how many
                             events wait, df why it is disabled; in ms: da since when,
                             fs since when it fails
    P:a:<id>         STREAM  its attempts, about the latest 500
    P:l:<id>/<key>   LIST    a line: the events that wait under one ordering key, the first first
    P:lines          HASH    line → the message that stands for it
    P:unsent         HASH    message → line, of those that may not be in the queue yet
    P:q:<digest>     STRING  a subject of which operators were told lately
    P:follower       STRING  the token of the process that follows status changes
    P:position       STRING  the last change that it put into the lines
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from importlib.resources import files
from typing import Final, cast

from durable_queue.port import QueueUnavailable
from durable_queue.redis_list.own_scripts import RedisScripts
from durable_queue.redis_list.scripts import lua_sources
from notification_contracts.trace_ids import new_trace_id
from notification_contracts.webhooks import DisabledFor
from service_kit.epoch import whole_ms

from notification_ledger.redis.rendering import lua_list
from notification_ledger.webhooks.endpoints import Attempt, Endpoint, KeptAttempt, WebhookEvent
from notification_ledger.webhooks.events import event_id
from notification_ledger.webhooks.port import (
    KEPT_ATTEMPTS,
    MAX_ENDPOINTS,
    MAX_WAITING,
    EndpointChanged,
    FollowerReplaced,
    Line,
    Once,
    Settled,
    TooManyEndpoints,
    UnknownEndpoint,
    WebhooksUnavailable,
)
from notification_ledger.webhooks.rows import (
    STATE,
    attempt_of,
    attempt_to_json,
    endpoint_of,
    event_of,
    event_to_json,
    said_of,
)

_SCRIPTS: Final = ("store", "delete", "acquire", "release", "append", "head", "settle")
_UNSENT_AT_ONCE: Final = 256

Row = Sequence[bytes | None]


@cache
def _sources() -> Mapping[str, str]:
    folder = files("notification_ledger.webhooks") / "lua"
    shared = "\n".join(
        (lua_sources()["prelude"], lua_list("STATE", STATE), (folder / "lines.lua").read_text())
    )
    sources = {}
    for name in _SCRIPTS:
        header, _, body = (folder / f"{name}.lua").read_text().partition("\n")
        sources[name] = "\n".join((header, shared, body))
    return sources


class RedisWebhookStore:
    """A `WebhookStore` for every process that uses the same Redis."""

    def __init__(
        self,
        url: str,
        *,
        namespace: str,
        max_waiting: int = MAX_WAITING,
        max_endpoints: int = MAX_ENDPOINTS,
    ) -> None:
        self._redis = RedisScripts(
            url, _sources(), namespace=namespace, call_timeout=timedelta(seconds=1.5)
        )
        self._prefix = self._redis.prefix
        self._max_waiting = max_waiting
        self._max_endpoints = max_endpoints

    async def endpoints(self) -> Sequence[Endpoint]:
        """See `EndpointStore`."""
        with _translated():
            ids = await self._redis.command("SMEMBERS", f"{self._prefix}:endpoints")
            asked = (self._row(each.decode()) for each in cast("list[bytes]", ids))
            rows = await asyncio.gather(*asked)
        found = [endpoint_of(row) for row in rows if row[0]]
        return sorted(found, key=lambda each: (each.created_at, each.id))

    async def version(self) -> int:
        """See `EndpointStore`."""
        with _translated():
            reply = await self._redis.command("GET", f"{self._prefix}:version")
        return int(cast("bytes | None", reply) or 0)

    async def endpoint(self, endpoint_id: str) -> Endpoint:
        """See `EndpointStore`."""
        with _translated():
            row = await self._row(endpoint_id)
        if not row[0]:
            raise UnknownEndpoint(endpoint_id)
        return endpoint_of(row)

    async def store(self, endpoint: Endpoint) -> Endpoint:
        """See `EndpointStore`."""
        with _translated():
            reply = await self._redis.run(
                "store",
                endpoint.id,
                said_of(endpoint),
                endpoint.revision,
                endpoint.disabled_for or "",
                self._max_endpoints,
                is_repeatable=False,
            )
        match cast(bytes, reply):
            case b"OK":
                return await self.endpoint(endpoint.id)
            case b"FULL":
                raise TooManyEndpoints(f"there are {self._max_endpoints}")
            case b"UNKNOWN":
                raise UnknownEndpoint(endpoint.id)
        raise EndpointChanged(endpoint.id)

    async def delete(self, endpoint_id: str) -> None:
        """See `EndpointStore`."""
        with _translated():
            known = await self._redis.run("delete", endpoint_id)
        if not known:
            raise UnknownEndpoint(endpoint_id)

    async def acquire(self, token: str, lease: timedelta) -> bool:
        """See `ChangesFollower`."""
        with _translated():
            return bool(await self._redis.run("acquire", token, whole_ms(lease)))

    async def release(self, token: str) -> None:
        """See `ChangesFollower`."""
        with _translated():
            await self._redis.run("release", token)

    async def position(self) -> str | None:
        """See `ChangesFollower`."""
        with _translated():
            reply = await self._redis.command("GET", f"{self._prefix}:position")
        return cast(bytes, reply).decode() if reply else None

    async def append(
        self,
        entries: Sequence[tuple[Endpoint, WebhookEvent]],
        *,
        token: str | None = None,
        position: str | None = None,
        once: Once | None = None,
    ) -> Sequence[Endpoint]:
        """See `WaitingLines`."""
        parts: list[str | bytes | int] = ["", 0]
        if once:
            parts = [event_id(once.subject), whole_ms(once.quiet)]
        for endpoint, event in entries:
            # The queue takes what it does not know under another name for bytes pushed by hand.
            parts += [endpoint.id, event.ordering_key, new_trace_id(), event_to_json(event)]
        with _translated():
            reply = await self._redis.run(
                "append", token or "", position or "", self._max_waiting, *parts
            )
        code, *full = cast("list[bytes]", reply)
        if code == b"REPLACED":
            raise FollowerReplaced("another process follows the changes")
        return [await self.endpoint(each.decode()) for each in full]

    async def unsent(self) -> Sequence[Line]:
        """See `WaitingLines`."""
        with _translated():
            reply = await self._redis.command(
                "HRANDFIELD", f"{self._prefix}:unsent", _UNSENT_AT_ONCE, "WITHVALUES"
            )
        flat = [each.decode() for each in cast("list[bytes]", reply)]
        return [_line(message, line) for message, line in zip(flat[::2], flat[1::2], strict=True)]

    async def sent(self, lines: Sequence[Line]) -> None:
        """See `WaitingLines`."""
        with _translated():
            await self._redis.command(
                "HDEL", f"{self._prefix}:unsent", *(line.message_id for line in lines)
            )

    async def head(self, line: Line) -> tuple[Endpoint, WebhookEvent] | None:
        """See `EventDelivery`."""
        with _translated():
            reply = await self._redis.run("head", *_named(line))
        event, *row = cast("list[bytes | None]", reply) or [None]
        return (endpoint_of(row), event_of(event)) if event else None

    async def settle(self, line: Line, attempt: Attempt, *, failing_limit: timedelta) -> Settled:
        """See `EventDelivery`."""
        with _translated():
            reply = await self._redis.run(
                "settle",
                *_named(line),
                event_to_json(attempt.event),
                attempt_to_json(attempt),
                attempt.outcome,
                whole_ms(failing_limit),
                KEPT_ATTEMPTS,
            )
        following, why = cast("list[bytes]", reply)
        return Settled(
            next=event_of(following) if following else None,
            disabled_for=DisabledFor(why.decode()) if why else None,
        )

    async def attempts(
        self, endpoint_id: str, *, limit: int, before: str | None = None
    ) -> Sequence[KeptAttempt]:
        """See `EventDelivery`."""
        first = f"({before}" if before else "+"
        return await self._attempts("XREVRANGE", endpoint_id, first, "-", "COUNT", limit)

    async def attempt(self, endpoint_id: str, attempt_id: str) -> KeptAttempt | None:
        """See `EventDelivery`."""
        found = await self._attempts("XRANGE", endpoint_id, attempt_id, attempt_id)
        return found[0] if found else None

    async def close(self) -> None:
        """Close the connection."""
        await self._redis.close()

    async def _row(self, endpoint_id: str) -> Row:
        return cast(Row, await self._redis.command("HMGET", self._hash(endpoint_id), *STATE))

    def _hash(self, endpoint_id: str) -> str:
        return f"{self._prefix}:h:{endpoint_id}"

    async def _attempts(
        self, command: str, endpoint_id: str, *args: str | int
    ) -> list[KeptAttempt]:
        with _translated():
            reply = await self._redis.command(command, f"{self._prefix}:a:{endpoint_id}", *args)
        return [attempt_of(*entry) for entry in cast("list[tuple[bytes, list[bytes]]]", reply)]


def _named(line: Line) -> tuple[str, str, str]:
    return line.endpoint_id, line.ordering_key, line.message_id


def _line(message_id: str, text: str) -> Line:
    endpoint_id, _, key = text.partition("/")
    return Line(endpoint_id=endpoint_id, ordering_key=key, message_id=message_id)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except QueueUnavailable as error:
        raise WebhooksUnavailable(str(error)) from error
