"""What a worker reports receipts to, in every combination of broker and ledger."""

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from durable_queue.port import Message, Queue
from durable_queue.rabbitmq.options import RabbitOptions
from notification_contracts.lanes import all_lanes
from notification_contracts.states import Status
from notification_contracts.trace_ids import new_trace_id
from notification_ledger.opening import (
    open_ledger,
    open_publisher_queue,
    open_receipt_writer,
    open_worker_queue,
)
from notification_ledger.reading import LedgerUnavailable
from notification_ledger.settings import Stores
from notification_ledger.status_update import StatusUpdate
from notification_ledger.writing import LedgerStore, ReceiptWriter
from testkit.ledger.harness import DELIVERY
from testkit.rabbitmq_harness import delete_queues
from testkit.rabbitmq_workers import until_available

pytestmark = [pytest.mark.rabbitmq, pytest.mark.timeout(120)]

PATIENT = timedelta(seconds=60)
DELIVERED = StatusUpdate(status=Status.DELIVERED)
SENT = StatusUpdate(status=Status.SENT, provider="twilio", message_id="SM1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Processes:
    """A publisher's queue and ledger, and a worker's queue and receipts."""

    accepting: Queue
    ledger: LedgerStore
    working: Queue
    receipts: ReceiptWriter
    stop_publisher: Callable[[], Awaitable[None]]

    async def send(self) -> str:
        """Have a provider take one notification as `SM1`; return its trace id."""
        trace_id = new_trace_id()
        note = StatusUpdate(status=Status.QUEUED).encode()
        message = Message(id=trace_id, lane=DELIVERY, body=b"{}", note=note)
        await until_available(lambda: self.accepting.send(message))
        [delivery] = await self.working.receive([DELIVERY], limit=1, wait=PATIENT)
        await delivery.start()
        await delivery.ack(SENT.encode())
        return trace_id

    async def status(self, trace_id: str) -> Status:
        """Return where a notification is."""
        record = await self.ledger.get(trace_id)
        assert record is not None
        return record.status


@pytest.fixture(params=["redis", "rabbitmq-redis", "rabbitmq-memory"])
def stores(request: pytest.FixtureRequest, redis_url: str) -> Stores:
    """Return where queue and records are."""
    broker, _, tracked = request.param.partition("-")
    amqp_url = request.getfixturevalue("rabbitmq_url") if broker == "rabbitmq" else ""
    return Stores(
        broker_url=amqp_url or redis_url,
        ledger_url="memory://" if tracked == "memory" else redis_url,
        namespace=f"r{secrets.token_hex(4)}",
    )


@pytest.fixture
async def processes(stores: Stores) -> AsyncIterator[Processes]:
    """Open all as the services do."""
    ledger = open_ledger(stores.ledger_url, namespace=stores.namespace)
    opened = open_publisher_queue(stores, ledger, max_waiting=100)
    server = opened.claim_server
    if server:
        await server.start()
    working = open_worker_queue(stores, lease=PATIENT, concurrency=4)
    receipts = open_receipt_writer(stores)
    yield Processes(
        accepting=opened.queue,
        ledger=ledger,
        working=working,
        receipts=receipts,
        stop_publisher=server.stop if server else ledger.close,
    )
    for each in (receipts, working, opened.queue, ledger):
        await each.close()
    if server:
        await server.stop()
    if stores.are_on_rabbitmq:
        options = RabbitOptions(namespace=stores.namespace, lanes=all_lanes())
        await delete_queues(stores.broker_url, options)


async def test_receipts_reach_the_ledger_from_a_worker(processes: Processes) -> None:
    assert not await processes.receipts.report_receipt("twilio", "SM1", DELIVERED)
    early = await processes.send()
    assert await processes.status(early) is Status.DELIVERED

    late = await processes.send()
    assert await processes.status(late) is Status.SENT
    assert await processes.receipts.report_receipt("twilio", "SM1", DELIVERED)
    assert await processes.status(late) is Status.DELIVERED


@pytest.mark.parametrize("stores", ["rabbitmq-memory"], indirect=True)
async def test_while_the_publisher_is_away_its_ledger_is_unavailable(processes: Processes) -> None:
    await processes.stop_publisher()

    with pytest.raises(LedgerUnavailable, match="keeps track"):
        await processes.receipts.report_receipt("twilio", "SM1", DELIVERED)
