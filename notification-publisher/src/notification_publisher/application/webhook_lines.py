"""Putting into the queue what stands for events that wait."""

import asyncio
import json
from dataclasses import dataclass

from durable_queue.port import Message, MessageQueue
from notification_ledger.webhooks.port import Line, WaitingLines


@dataclass(frozen=True, slots=True, kw_only=True)
class SendLines:
    """Send the messages of all lines that may have none in the queue. Doing so twice is fine.

    Raises `WebhooksUnavailable`, `QueueUnavailable`, `QueueFull`: then the rest is sent next time.
    """

    lines: WaitingLines
    queue: MessageQueue
    lane: str

    async def __call__(self) -> None:
        while unsent := await self.lines.unsent():
            await asyncio.gather(*map(self._send, unsent))
            await self.lines.sent(unsent)

    async def _send(self, line: Line) -> None:
        body = json.dumps({"endpoint": line.endpoint_id, "key": line.ordering_key})
        await self.queue.send(Message(id=line.message_id, lane=self.lane, body=body.encode()))
