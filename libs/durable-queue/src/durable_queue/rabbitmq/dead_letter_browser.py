"""Looking through dead letters: a queue can only be read from its head."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue
from aiormq.exceptions import ChannelLockedResource

from durable_queue.port import QueueUnavailable
from durable_queue.rabbitmq.envelope import Envelope
from durable_queue.rabbitmq.errors import regardless
from durable_queue.rabbitmq.publisher import Publisher

_SETTLE_S: Final = 0.01
_AT_ONCE: Final = 256


class BrowsedElsewhere(QueueUnavailable):
    """Raised while another process looks through the dead letters."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter, and the copy of it that this process holds."""

    envelope: Envelope
    copy: AbstractIncomingMessage

    async def done(self) -> None:
        """Take it out of the queue for good."""
        # If this fails, it is back in the queue, and its claim says that it is old.
        with regardless():
            await self.copy.ack()


class DeadLetterBrowser:
    """Holds dead letters, on a channel of its own, to take out some.

    What is not taken goes back into the queue when it is cleared, or when this process dies. It
    holds so many at once; to see those behind, some are put back at the end. Only one process at a
    time can browse. All methods raise what aio-pika does.
    """

    def __init__(self, channel: AbstractChannel, publisher: Publisher, capacity: int) -> None:
        self.used_at = 0.0
        self.without_id: list[AbstractIncomingMessage] = []
        self._channel = channel
        self._publisher = publisher
        self._capacity = capacity
        self._found: dict[str, DeadLetter] = {}
        self._opening = asyncio.Lock()
        self._is_open = False
        self._mutex: AbstractQueue | None = None

    async def find(self, message_id: str) -> DeadLetter | None:
        """Take out a message's dead letter, the newest one; None if there is none."""
        await self._open()
        left = await self._fetch(message_id)
        to_turn = left + len(self._found)
        while message_id not in self._found and self._is_full and to_turn > 0:
            to_turn -= await self._rotate()
            await self._fetch(message_id)
        return self._found.pop(message_id, None)

    async def scan(self) -> AsyncIterator[Sequence[DeadLetter]]:
        """Show all dead letters with a name, some at a time; they stay held."""
        await self._open()
        seen: set[tuple[str, int]] = set()
        while True:
            await self._fetch("")
            fresh = [
                letter
                for letter in self._found.values()
                if (letter.envelope.id, letter.envelope.revision) not in seen
            ]
            if not fresh:
                return
            seen.update((letter.envelope.id, letter.envelope.revision) for letter in fresh)
            for start in range(0, len(fresh), _AT_ONCE):
                self._use()
                yield fresh[start : start + _AT_ONCE]
            if not self._is_full:
                return
            await self._rotate()

    async def drop(self, letter: DeadLetter) -> None:
        """Take a letter out of the queue for good, unless somebody has taken it meanwhile."""
        if self._found.get(letter.envelope.id) is letter:
            del self._found[letter.envelope.id]
            await letter.done()

    async def clear(self) -> None:
        """Put everything back, and let others browse."""
        self._found.clear()
        if self._mutex is not None:
            await self._mutex.delete(if_unused=False, if_empty=False)
        await self._channel.close()

    @property
    def _is_full(self) -> bool:
        return len(self._found) + len(self.without_id) >= self._capacity

    def _use(self) -> None:
        self.used_at = asyncio.get_running_loop().time()

    async def _open(self) -> None:
        self._use()
        async with self._opening:
            if self._is_open:
                return
            await self._lock()
            await self._channel.set_qos(prefetch_count=self._capacity)
            queue = await self._publisher.topology.declare_dead_queue(self._channel)
            await queue.consume(self._on_message)
            self._is_open = True

    async def _lock(self) -> None:
        # A queue of our connection alone: quorum queues don't mind several exclusive consumers.
        name = self._publisher.topology.browser_lock
        try:
            self._mutex = await self._channel.declare_queue(name, exclusive=True)
        except ChannelLockedResource as error:
            raise BrowsedElsewhere("another process looks through the dead letters") from error

    async def _fetch(self, message_id: str) -> int:
        """Let letters come until this one is here, or all are, or no more can be held.

        Returns how many are left in the queue.
        """
        left, settled = 0, 0
        while True:
            self._use()
            queue = await self._publisher.topology.declare_dead_queue(self._channel)
            left = queue.declaration_result.message_count or 0
            settled = 0 if left else settled + 1
            if message_id in self._found or self._is_full or settled == 2:
                return left
            await asyncio.sleep(_SETTLE_S)

    async def _rotate(self) -> int:
        """Put the half that was held for longest at the end of the queue."""
        half = list(islice(self._found.values(), max(1, self._capacity // 2)))
        for start in range(0, len(half), _AT_ONCE):
            letters = half[start : start + _AT_ONCE]
            self._use()
            # Confirmed before it is taken out: a crash in between makes two of it, never none.
            await asyncio.gather(
                *(self._publisher.to_dead_letters(letter.envelope) for letter in letters)
            )
            for letter in letters:
                await self.drop(letter)
        return len(half)

    async def _on_message(self, copy: AbstractIncomingMessage) -> None:
        envelope = Envelope.from_amqp(copy.body, copy.headers, None)
        if envelope is None:
            self.without_id.append(copy)
            return
        letter, known = DeadLetter(envelope, copy), self._found.get(envelope.id)
        if known is not None and known.envelope.revision >= envelope.revision:
            await letter.done()  # the same once more, from a crash between two steps
            return
        self._found[envelope.id] = letter
        if known is not None:
            await known.done()
