"""Messages as the broker delivered them, and what it is told of them in return."""

import asyncio
from collections import Counter
from typing import Final

from aiormq.abc import AbstractChannel, ChannelFrame, DeliveredMessage
from pamqp.commands import Basic

from durable_queue.rabbitmq.errors import regardless

_LATER_S: Final = 1.0


class IncomingMessage:
    """A copy that this process holds, from the queue of `lane`.

    The broker gives it to another when the channel breaks, or is told to by `give_back`.
    """

    __slots__ = (
        "_returns",
        "body",
        "headers",
        "is_away",
        "is_redelivered",
        "is_returned",
        "lane",
        "tag",
    )

    def __init__(self, delivered: DeliveredMessage, lane: str, returns: "Returns") -> None:
        self.body = delivered.body
        self.headers = delivered.header.properties.headers or {}
        self.is_redelivered = bool(delivered.redelivered)
        self.tag = delivered.delivery_tag or 0
        self.lane = lane
        self.is_away = False
        """Whether it is worked on in another lane meanwhile."""
        self.is_returned = False
        self._returns = returns
        returns.owe(self)

    def ack(self) -> None:
        """Tell the broker that this copy is no longer needed.

        If that does not arrive, the copy comes again, and its claim says that it is old.
        """
        self._returns.ack(self)

    def give_back(self) -> None:
        """Let the broker give this copy to whoever asks."""
        self._returns.give_back(self)

    def give_back_later(self) -> None:
        """Do so in a second: it is not to come straight back."""
        asyncio.get_running_loop().call_later(_LATER_S, self.give_back)

    def go_away(self) -> None:
        """Say that it is worked on in another lane."""
        self.is_away = True
        self._returns.away[self.lane] += 1


class Returns:
    """What the broker is told of one channel's messages, that of one turn of the loop together.

    Where all that came before was dealt with, too, a single frame acknowledges all of it.
    """

    def __init__(self, channel: AbstractChannel) -> None:
        self.held: Counter[str] = Counter()
        """How many messages of a lane's queue are here."""
        self.away: Counter[str] = Counter()
        """How many of those are worked on in another lane."""
        self._channel = channel
        self._owed: dict[int, IncomingMessage | None] = {}
        self._last_tag = 0
        self._done: list[int] = []
        self._unwanted: list[int] = []
        self._telling: asyncio.Task[None] | None = None

    def owe(self, incoming: IncomingMessage) -> None:
        """Note that a message came."""
        # One between that did not get here is not to be acknowledged together with others.
        self._owed.update(dict.fromkeys(range(self._last_tag + 1, incoming.tag)))
        self._owed[incoming.tag] = incoming
        self._last_tag = incoming.tag
        self.held[incoming.lane] += 1

    def ack(self, incoming: IncomingMessage) -> None:
        """See `IncomingMessage.ack`."""
        self._settle(incoming, self._done)

    def give_back(self, incoming: IncomingMessage) -> None:
        """See `IncomingMessage.give_back`."""
        self._settle(incoming, self._unwanted)

    async def tell(self) -> None:
        """Return when the broker was told of all that is settled."""
        if self._telling is not None:
            await self._telling

    def _settle(self, incoming: IncomingMessage, tags: list[int]) -> None:
        if incoming.is_returned:
            return
        incoming.is_returned = True
        self.held[incoming.lane] -= 1
        self.away[incoming.lane] -= incoming.is_away
        tags.append(incoming.tag)
        if self._telling is None:
            self._telling = asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        try:
            while frames := self._frames():
                with regardless():
                    frame = ChannelFrame.marshall(self._channel.number, frames)
                    await self._channel.connection.write_queue.put(frame)
        finally:
            self._telling = None

    def _frames(self) -> list[Basic.Ack | Basic.Reject]:
        done, unwanted = sorted(self._done), self._unwanted
        self._done, self._unwanted = [], []
        for tag in (*done, *unwanted):
            self._owed.pop(tag, None)
        # What comes before all that is still owed may be acknowledged at once.
        first_owed = next(iter(self._owed), None)
        together = [tag for tag in done if first_owed is None or tag < first_owed]
        rejects = [Basic.Reject(tag, requeue=True) for tag in unwanted]
        acks = [Basic.Ack(tag) for tag in done[len(together) :]]
        return [*rejects, *([Basic.Ack(together[-1], multiple=True)] if together else []), *acks]
