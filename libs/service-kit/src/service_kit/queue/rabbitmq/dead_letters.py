"""Finding one dead letter: a queue can only be read from its head."""

import asyncio
from typing import Final

from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from service_kit.queue.rabbitmq.envelope import Envelope
from service_kit.queue.rabbitmq.errors import regardless
from service_kit.queue.rabbitmq.topology import Topology

MOST: Final = 20_000
"""Dead letters that are held at once; those behind them are seen when these have gone."""

_SETTLE_S: Final = 0.01


class DeadLetterDesk:
    """The dead letters spread out on a desk, on a channel of their own, to take out some.

    What is not taken goes back into the queue when the desk is cleared, or when this process dies.
    """

    def __init__(self, channel: AbstractChannel, topology: Topology) -> None:
        self.used_at = 0.0
        self._channel = channel
        self._topology = topology
        self._found: dict[str, AbstractIncomingMessage] = {}
        self._unknown = 0
        self._is_open = False
        self._opening = asyncio.Lock()

    async def find(self, message_id: str) -> tuple[Envelope, AbstractIncomingMessage] | None:
        """Return a dead letter with its copy, which is to be acknowledged; None if it isn't here.

        Raises what aio-pika does.
        """
        async with self._opening:
            if not self._is_open:
                await self._channel.set_qos(prefetch_count=MOST)
                queue = await self._topology.declare_dead_queue(self._channel)
                await queue.consume(self._on_message)
                self._is_open = True
        self.used_at = asyncio.get_running_loop().time()
        await self._spread(message_id)
        incoming = self._found.pop(message_id, None)
        if incoming is None:
            return None
        envelope = Envelope.from_amqp(incoming.body, incoming.headers, None)
        return None if envelope is None else (envelope, incoming)

    @property
    def is_full(self) -> bool:
        """Tell whether there may be more dead letters than are here."""
        return len(self._found) + self._unknown >= MOST

    async def clear(self) -> None:
        """Put everything back."""
        self._found.clear()
        with regardless():
            await self._channel.close()

    async def _spread(self, message_id: str) -> None:
        settled = 0
        while message_id not in self._found and not self.is_full and settled < 2:
            queue = await self._topology.declare_dead_queue(self._channel)
            settled = 0 if queue.declaration_result.message_count else settled + 1
            await asyncio.sleep(_SETTLE_S)

    async def _on_message(self, incoming: AbstractIncomingMessage) -> None:
        envelope = Envelope.from_amqp(incoming.body, incoming.headers, None)
        if envelope is None:
            self._unknown += 1
        else:
            self._found[envelope.id] = incoming
