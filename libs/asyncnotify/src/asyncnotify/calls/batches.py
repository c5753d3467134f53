"""Many notifications, or users, in one call."""

import asyncio
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping, Sequence
from typing import Final, TypeVar
from uuid import uuid4

from asyncnotify.answers import JsonObject
from asyncnotify.calls.base import Calls, given
from asyncnotify.gateway import pause_before_retry
from asyncnotify.models.batches import (
    BatchAnswer,
    BatchItem,
    NotificationBatchItem,
    UserBatchItem,
)

BATCH_SIZE: Final = 200
# The gateway takes 1.5 MiB; a character of text takes up to four bytes.
_ROOM_BYTES: Final = 1024 * 1024
_BYTES_OF_ONE: Final = 4

Item = TypeVar("Item", bound=BatchItem)
Part = Mapping[str, object]


class BatchCalls(Calls):
    """The calls that take many at once; each part is answered for as if it had come alone."""

    async def send_batch(self, notifications: Sequence[Part]) -> list[NotificationBatchItem]:
        """Ask for 1 to 500 notifications; returns what became of each, in order.

        Each is `{"user_id", "message", …}`, as in the API, and may have its `idempotency_key`;
        without one it gets its own. One that is refused keeps no other from being accepted: its
        `error` says why. Those that are refused for now are sent again, for `retry_seconds`.
        """
        bodies = [{"idempotency_key": uuid4().hex} | given(each) for each in notifications]
        path = "/notifications/batch"
        return await self._batch(NotificationBatchItem, path, "notifications", bodies)

    async def send_many(
        self, notifications: Iterable[Part], *, batch_size: int = BATCH_SIZE
    ) -> AsyncGenerator[NotificationBatchItem, None]:
        """Ask for any number of notifications, batch by batch; yield what became of each, in order.

        As `send_batch`; the notifications are taken one batch ahead of what is yielded.
        """
        for batch in batches_of(notifications, batch_size):
            for item in await self.send_batch(batch):
                yield item

    async def put_users(self, users: Sequence[Part]) -> list[UserBatchItem]:
        """Store 1 to 500 users, each `{"user_id", …}` and then as in `put_user`.

        Returns what became of each, in order: one that is refused keeps no other from being stored.
        """
        return await self._batch(UserBatchItem, "/users/batch", "users", [*map(given, users)])

    async def _batch(
        self, item: type[Item], path: str, name: str, bodies: Sequence[JsonObject]
    ) -> list[Item]:
        clock = asyncio.get_running_loop().time
        give_up_at = clock() + self._gateway.retry_seconds
        found: dict[int, Item] = {}
        left, failures = list(range(len(bodies))), 0
        while True:
            body = {name: [bodies[number] for number in left]}
            answer = await self._ask(BatchAnswer, "POST", path, may_repeat=True, body=body)
            found |= {n: item(each) for n, each in zip(left, answer["items"], strict=True)}
            failures += 1
            pauses = {number: _pause(found[number], failures) for number in left}
            left = [number for number in left if pauses[number] is not None]
            pause = max((each for each in pauses.values() if each is not None), default=0.0)
            if not left or clock() + pause >= give_up_at:
                return [found[number] for number in range(len(bodies))]
            await asyncio.sleep(pause)


def batches_of(parts: Iterable[Part], size: int = BATCH_SIZE) -> Iterator[list[Part]]:
    """Yield the parts, so many at a time; less, where they are large."""
    batch: list[Part] = []
    room = _ROOM_BYTES
    for part in parts:
        needed = sum(len(each) for each in part.values() if isinstance(each, str)) * _BYTES_OF_ONE
        if batch and (len(batch) >= size or needed > room):
            yield batch
            batch, room = [], _ROOM_BYTES
        batch.append(part)
        room -= needed
    if batch:
        yield batch


def _pause(item: BatchItem, failures: int) -> float | None:
    error = item.error
    return None if error is None else pause_before_retry(error, failures)
