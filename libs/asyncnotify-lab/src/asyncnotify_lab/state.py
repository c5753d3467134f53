"""What all wires share: the faults to come, what arrived, and the receipts for it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from asyncnotify_lab.faults import RECEIVED, TAKEN, Faults, WireFault
from asyncnotify_lab.messages import Arrival, ArrivalStore
from asyncnotify_lab.receipts import Receipts

Then = Callable[[], Awaitable[None]]
"""What is to be done as soon as a message was taken, whatever is answered."""


@dataclass(frozen=True, slots=True)
class LabState:
    """The faults, the messages and the receipts of a lab."""

    faults: Faults
    messages: ArrivalStore
    receipts: Receipts

    async def take(self, message: Arrival, then: Then | None = None) -> WireFault | None:
        """Take a message over, unless a fault says otherwise; return what asks for another answer.

        What is to be done `then` is done as soon as it was taken, whatever is answered.

        Raises:
            HangUp: the connection is to be broken off, before or after it was taken.
        """
        if fault := await self.faults.meet(message.wire, RECEIVED, message.to):
            return fault
        self.messages.add(message)
        if then:
            await then()
        return await self.faults.meet(message.wire, TAKEN, message.to)
