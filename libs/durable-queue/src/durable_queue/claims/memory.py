"""A `ClaimStore` in this process's memory, which tells a recorder that is a callable."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from service_kit.epoch import utc_now

from durable_queue.claims.state_machine import ClaimStateMachine
from durable_queue.claims.store import ClaimStore, Operation, Reply
from durable_queue.messages import UNDONE
from durable_queue.port import QueueError, QueueUnavailable
from durable_queue.recorder import ChangeEvent, Recorder

_CARRIED_OUT = frozenset({"ok", "done"})


class InMemoryClaimStore(ClaimStore):
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
        self._now = now
        self._machine = machine
        self._recorder = recorder
        self._untold: dict[str, deque[ChangeEvent]] = {}

    def now(self) -> datetime:
        """See `ClaimStore.now`."""
        return self._now()

    async def run_many(self, operations: Sequence[Operation]) -> list[Reply | QueueError]:
        """See `ClaimStore.run_many`."""
        return [await self._outcome(each) for each in operations]

    async def _outcome(self, operation: Operation) -> Reply | QueueError:
        name, (subject, *_), events = operation
        reply = self._machine.apply(name, *operation.arguments)
        untold = self._untold.pop(str(subject), deque())
        if reply[0] in _CARRIED_OUT:
            untold.extend(map(self._as_known, events))
        try:
            await self._tell(untold)
        except QueueError as error:
            # What only tells is given what it tells again when it is repeated.
            again = events if name == "record" else ()
            self._untold[str(subject)] = deque(each for each in untold if each not in again)
            return error
        return reply

    def _as_known(self, event: ChangeEvent) -> ChangeEvent:
        if event.change in UNDONE and self._machine.is_uncertain(event.message_id):
            return replace(event, is_uncertain=True)
        return event

    async def _tell(self, untold: deque[ChangeEvent]) -> None:
        """Tell the recorder, in order; what it did not take is left. Raises `QueueError`."""
        while untold and self._recorder:
            try:
                recording = self._recorder(untold[0])
                if recording is not None:
                    await recording
            except QueueError:
                raise
            except Exception as error:
                raise QueueUnavailable(f"the change could not be recorded: {error}") from error
            untold.popleft()

    async def faults(self) -> Sequence[str]:
        """Say none: a memory promises nothing."""
        return ()

    async def close(self) -> None:
        """Do nothing."""
