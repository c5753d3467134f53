"""Writes records, and claims beside them, where no queue's script does: behind another broker.

    P:q:<id>   HASH  st(ate) hop tok(en) un(til ms) dl deliveries vd verdict mv ho(ld) key mm memo
                     uc 1: an earlier start may have had its effect; sa when `un` was set, ms
                     pg(rogress), said at a start of this revision
                     ln lane into which it was advanced; else the one that its copy says
    P:k:<key>  HASH  id fp(fingerprint) an(swer)   of a dedupe key; goes when it may be used again

`claims.lua` says in Lua what `durable_queue.claims.state_machine` says in Python; one suite of
tests holds for both. A claim and the record of its change are one script. A claim that ended goes
after the retention; times are Redis's.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import chain, groupby
from typing import Final, cast

from durable_queue.claims.store import ClaimStore, Operation, Reply
from durable_queue.clock import KnowsRemoteTime
from durable_queue.port import Change, QueueError
from durable_queue.recorder import ChangeEvent
from durable_queue.redis_list.batcher import Batcher
from durable_queue.redis_list.connections import Argument, connector
from durable_queue.redis_list.inspection import Inspector
from durable_queue.redis_list.runner import ScriptRunner
from service_kit.epoch import to_ms, whole_ms

from notification_ledger.receipts import receipt_of
from notification_ledger.redis.scripts import writing_scripts
from notification_ledger.status_update import StatusUpdate

_TIMEOUT: Final = timedelta(seconds=1.5)
_NEW: Final = frozenset({Change.ENQUEUED, Change.SCHEDULED})


class RedisClaimStore(KnowsRemoteTime, ClaimStore):
    """A `ClaimStore` that all processes share, and that outlives them.

    All methods raise `QueueUnavailable`: it may or may not be written; writing it again is safe.
    """

    def __init__(
        self, url: str, *, namespace: str = "an", retention: timedelta = timedelta(days=30)
    ) -> None:
        self._batcher = Batcher(connector(url, _TIMEOUT), timeout=_TIMEOUT)
        self._inspector = Inspector(self._batcher)
        scripts = writing_scripts(retention)
        self._scripts = ScriptRunner(self._batcher, scripts, f"{{{namespace}:0}}")
        super().__init__()
        self._retention_ms = whole_ms(retention)

    async def run_many(self, operations: Sequence[Operation]) -> list[Reply | QueueError]:
        """See `ClaimStore.run_many`: those of one turn of the event loop are one script's run."""
        asked_at = self._clock.monotonic()
        outcomes: list[Reply | QueueError] = []
        for script, group in groupby(operations, _script_of):
            for reply in await self._scripts.run_many(script, map(_row, group)):
                if isinstance(reply, QueueError):
                    outcomes.append(reply)
                    continue
                shown_ms, *parts = cast("Sequence[bytes | int]", reply)
                self._clock.observe(int(shown_ms), asked_at=asked_at)
                outcomes.append(
                    [part.decode() if isinstance(part, bytes) else part for part in parts]
                )
        return outcomes

    async def report_receipt(self, provider: str, message_id: str, update: StatusUpdate) -> bool:
        """See `ReceiptWriter.report_receipt`."""
        message, note = receipt_of(provider, message_id, update)
        return bool(await self._scripts.run("receipt", *message, note, self._retention_ms))

    async def faults(self) -> Sequence[str]:
        """See `ClaimStore.faults`."""
        return [f"LEDGER_URL: {fault}" for fault in (await self._inspector.durability()).faults]

    async def overdue(self, by: timedelta) -> int:
        """See `LedgerUpkeep.overdue`."""
        return cast(int, await self._scripts.run("overdue", whole_ms(by)))

    async def forget(self, before: datetime, *, limit: int, dry_run: bool) -> int:
        """See `LedgerUpkeep.forget`."""
        reply = await self._scripts.run("forget", to_ms(before), limit, int(dry_run))
        return cast(int, reply)

    async def close(self) -> None:
        """Close the connection."""
        await self._batcher.close()


def _script_of(operation: Operation) -> str:
    # What is new need not begin when Redis is out of memory; what is under way must end.
    name, _, events = operation
    tells_new = name == "record" and any(event.change in _NEW for event in events)
    return "reserve" if tells_new or name == "reserve" else "claim"


def _row(operation: Operation) -> tuple[Argument, ...]:
    name, (subject, *rest), events = operation
    told = chain.from_iterable(map(_flat, events))
    return name, subject, len(events), *told, *rest


def _flat(recorded: ChangeEvent) -> tuple[Argument, ...]:
    due_ms = to_ms(recorded.due_at) if recorded.due_at else 0
    at_ms, uncertain = to_ms(recorded.at), int(recorded.is_uncertain)
    return recorded.change.value, recorded.lane, at_ms, due_ms, recorded.note, uncertain
