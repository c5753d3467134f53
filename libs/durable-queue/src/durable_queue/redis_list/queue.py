"""The adapter."""

import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, cast

from service_kit.epoch import to_ms, whole_ms

from durable_queue.clock import Monotonic, RemoteClock
from durable_queue.messages import REPEATABLE_FOR
from durable_queue.port import (
    Conflict,
    ControlOutcome,
    Dedupe,
    Delivery,
    Duplicate,
    Durability,
    Enqueued,
    LaneDepth,
    Message,
    QueueFull,
    SendOutcome,
    TickReport,
)
from durable_queue.recorder import LuaRecorder
from durable_queue.redis_list.batcher import Batcher
from durable_queue.redis_list.batches import RedisBatches
from durable_queue.redis_list.blocking import BlockingPops
from durable_queue.redis_list.connections import Argument, connector
from durable_queue.redis_list.delivery import RedisDelivery
from durable_queue.redis_list.early_promotion import EarlyPromotion
from durable_queue.redis_list.expiry import Expiry
from durable_queue.redis_list.inspection import Inspector
from durable_queue.redis_list.keys import Keys, checked_lane
from durable_queue.redis_list.options import RedisListOptions
from durable_queue.redis_list.receiver import Receiver
from durable_queue.redis_list.runner import ScriptRunner
from durable_queue.redis_list.scripts import assemble, lua_sources
from durable_queue.redis_list.upkeep import Upkeep

_RENEW_AT_ONCE: Final = 128
_MILLISECOND: Final = timedelta(milliseconds=1)

_Row = list[bytes | None]


class RedisListQueue(RedisBatches):
    """A `Queue` on Redis >= 7.0 or Valkey. It connects when it is first used.

    `lua` replaces the scripts' sources; tests use it, and `monotonic`, to travel in time.
    """

    def __init__(
        self,
        url: str,
        *,
        recorder: LuaRecorder | None = None,
        options: RedisListOptions | None = None,
        lua: Mapping[str, str] | None = None,
        monotonic: Monotonic = time.monotonic,
    ) -> None:
        self._clock = RemoteClock(monotonic)
        self._options = options or RedisListOptions()
        self._keys = Keys(self._options.namespace)
        connect = connector(url, self._options.call_timeout)
        scripts = assemble(lua or lua_sources(), self._options, recorder)
        self._batcher = Batcher(connect, timeout=self._options.call_timeout)
        self._inspector = Inspector(self._batcher)
        self._runner = ScriptRunner(self._batcher, scripts, self._keys.prefix)
        self._upkeep = Upkeep(self._runner, self._keys, self._clock, self._options)
        self._early_promotion = EarlyPromotion(self._upkeep.look_after)
        self._expiry = Expiry(self._runner)
        self._receiver = Receiver(self._runner, BlockingPops(connect), self._batcher, self._keys)

    async def send(self, message: Message) -> SendOutcome:
        """Store the message durably, then return."""
        call = await self._runner.finished("send", *_fields(message))
        code, *details = cast("list[bytes]", call.result())
        match code:
            case b"ENQUEUED":
                self._early_promotion.scheduled(message)
                return Enqueued(message.id)
            case b"DUPLICATE":
                first, answer = (detail.decode() for detail in details)
                if call.was_repeated and first == message.id:
                    return Enqueued(first)  # this very call stored it, and its reply was lost
                return Duplicate(first, answer)
            case b"CONFLICT":
                return Conflict(details[0].decode())
        raise QueueFull(f"{message.lane} holds {self._options.max_waiting} waiting messages")

    async def recall(self, dedupe: Dedupe) -> Duplicate | Conflict | None:
        """Return what `send` would say to a repetition under this key; None if it knows none."""
        key = self._keys.dedupe(dedupe.key)
        reply = await self._runner.command("HMGET", key, "id", "fp", "an")
        first, fingerprint, answer = (value and value.decode() for value in cast(_Row, reply))
        if not first:
            return None
        is_same = fingerprint == dedupe.fingerprint
        return Duplicate(first, answer or "") if is_same else Conflict(first)

    async def body_of(self, message_id: str) -> bytes | None:
        """Return the bytes of a message that has not ended, or is dead."""
        return cast("bytes | None", await self._runner.command("GET", self._keys.body(message_id)))

    async def receive(
        self, lanes: Sequence[str], *, limit: int, wait: timedelta
    ) -> Sequence[Delivery]:
        """Lease up to `limit` messages, at most 128, of earlier lanes first."""
        return await self._receiver.receive(tuple(map(checked_lane, lanes)), limit, wait)

    async def close(self) -> None:
        """Close connections. Leases of unsettled messages run out by themselves."""
        await self._receiver.close()
        await self._batcher.close()

    async def renew(self, deliveries: Sequence[Delivery]) -> Sequence[Delivery]:
        """Extend the leases; return those deliveries whose claim is over."""
        held = cast("Sequence[RedisDelivery]", deliveries)
        parts = [held[i : i + _RENEW_AT_ONCE] for i in range(0, len(held), _RENEW_AT_ONCE)]
        replies = await asyncio.gather(*map(self._renew, parts))
        alive = [bool(flag) for reply in replies for flag in reply]
        return [delivery for delivery, is_alive in zip(held, alive, strict=True) if not is_alive]

    async def tick(self, lanes: Sequence[str]) -> TickReport:
        """Promote what is due, take back expired leases, re-issue what was lost on its way."""
        return await self._upkeep.tick(tuple(map(checked_lane, lanes)))

    async def leave(self, lanes: Sequence[str]) -> None:
        """Do nothing: what is received is all that is held."""

    async def expire(self, lanes: Sequence[str]) -> int:
        """End waiting messages that have expired, of up to some thousands that are looked at."""
        return sum([await self._expiry.end(checked_lane(lane)) for lane in lanes])

    async def heal(self) -> int:
        """Make the indexes agree with the messages; return how many were repaired."""
        return await self._upkeep.heal()

    async def depths(self, lanes: Sequence[str]) -> Mapping[str, LaneDepth]:
        """Count the messages of each lane."""
        replies = await asyncio.gather(
            *(self._runner.run("depth", checked_lane(lane)) for lane in lanes)
        )
        return dict(zip(lanes, map(_depth, replies), strict=True))

    async def cancel(self, message_id: str) -> ControlOutcome:
        """Withdraw a message that is not yet started."""
        return await self._control("cancel", message_id)

    async def replay(self, message_id: str, delay: timedelta = timedelta(0)) -> ControlOutcome:
        """Put a dead letter back into its lane, attempts counted anew."""
        return await self._control("replay", message_id, whole_ms(delay))

    async def delete(self, message_id: str) -> ControlOutcome:
        """Forget a dead letter's bytes."""
        return await self._control("delete", message_id)

    async def durability(self) -> Durability:
        """Read Redis's settings; the profile is that of `appendfsync`, or none or unknown."""
        return await self._inspector.durability()

    async def time(self) -> datetime:
        """Return Redis's time."""
        if not self._clock.is_fresh:
            asked_at = self._clock.monotonic()
            self._clock.observe(cast(int, await self._runner.run("time")), asked_at=asked_at)
        return self._clock.now()

    def now(self) -> datetime:
        """Return Redis's time, as it was last seen."""
        return self._clock.now()

    async def ping(self) -> None:
        """Write something, as a send would."""
        await self._runner.run("ping")

    async def _control(self, name: str, message_id: str, *details: Argument) -> ControlOutcome:
        reply = await self._runner.run(name, message_id, secrets.token_hex(8), *details)
        return ControlOutcome(cast(bytes, reply).decode().lower())

    async def _renew(self, held: Sequence[RedisDelivery]) -> list[int]:
        claims = [part for delivery in held for part in (delivery.id, delivery.token)]
        return cast("list[int]", await self._runner.run("renew", *claims))


def _depth(reply: object) -> LaneDepth:
    waiting, leased, delayed, oldest_ms, entered = cast("list[int]", reply)
    return LaneDepth(
        waiting=waiting,
        leased=leased,
        delayed=delayed,
        oldest_waiting=oldest_ms * _MILLISECOND,
        entered=entered,
    )


def _fields(message: Message) -> tuple[Argument, ...]:
    dedupe = message.dedupe
    return (
        message.id,
        checked_lane(message.lane),
        message.body,
        to_ms(message.due_at) if message.due_at else "",
        to_ms(message.expires_at) if message.expires_at else "",
        message.max_attempts,
        message.note,
        *(
            (dedupe.key, dedupe.fingerprint, dedupe.answer, whole_ms(REPEATABLE_FOR))
            if dedupe
            else ("", "", "", "")
        ),
    )
