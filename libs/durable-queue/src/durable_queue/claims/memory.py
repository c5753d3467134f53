"""A `ClaimStore` in this process's memory, which tells a recorder that is a callable."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from durable_queue.claims.state_machine import ClaimStateMachine
from durable_queue.claims.store import Argument, Reply
from durable_queue.clock import utc_now
from durable_queue.messages import UNDONE
from durable_queue.port import QueueError, QueueUnavailable
from durable_queue.recorder import ChangeEvent, Recorder

_CARRIED_OUT = frozenset({"ok", "done"})


class InMemoryClaimStore:
    """Claims in this process, and a recorder that is called with each change once it is made.

    If the recorder fails, it gets the change when the caller repeats the operation.
    """

    is_time_known = is_time_fresh = True

    def __init__(
        self,
        machine: ClaimStateMachine,
        recorder: Recorder | None = None,
        *,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        self.now = now
        self._machine = machine
        self._recorder = recorder
        self._unrecorded: set[str] = set()

    async def run(
        self, operation: str, *arguments: Argument, event: ChangeEvent | None = None
    ) -> Reply:
        """See `ClaimStore.run`."""
        reply = self._machine.apply(operation, *arguments)
        if event is None:
            return reply
        if event.change in UNDONE and self._machine.is_uncertain(event.message_id):
            event = replace(event, is_uncertain=True)
        if reply[0] in _CARRIED_OUT or event.message_id in self._unrecorded:
            self._unrecorded.add(event.message_id)
            await self.record(event)
            self._unrecorded.discard(event.message_id)
        return reply

    async def record(self, recorded: ChangeEvent) -> None:
        """See `ClaimStore.record`."""
        if self._recorder is None:
            return
        try:
            recording = self._recorder(recorded)
            if recording is not None:
                await recording
        except QueueError:
            raise
        except Exception as error:
            raise QueueUnavailable(f"the change could not be recorded: {error}") from error

    async def faults(self) -> Sequence[str]:
        """Say none: a memory promises nothing."""
        return ()

    async def close(self) -> None:
        """Do nothing."""
