"""One process keeps claims and records in its memory; the others ask it."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from asyncnotify_prove.rabbitmq_node import RabbitNode
from durable_queue.claims.memory import InMemoryClaimStore
from durable_queue.claims.state_machine import ClaimStateMachine
from durable_queue.port import Change, ControlOutcome, LeaseLost, Message, QueueUnavailable
from durable_queue.rabbitmq.claim_server import ClaimServer, ClaimServerRuns
from durable_queue.rabbitmq.options import RabbitOptions
from durable_queue.rabbitmq.queue import RabbitQueue
from durable_queue.rabbitmq.remote_claim_store import RemoteClaimStore
from durable_queue.recorder import ChangeEvent
from testkit.clock import FrozenClock
from testkit.rabbitmq_harness import delete_queues

pytestmark = pytest.mark.rabbitmq

LANE = "stage.normal"
SOON = timedelta(seconds=60)
PATIENT = timedelta(seconds=30)  # a call that takes long on a busy machine has not failed


class Two:
    """A process that accepts and keeps, and one that works."""

    def __init__(self, url: str) -> None:
        self.options = RabbitOptions(
            namespace=f"k{secrets.token_hex(4)}", lease=SOON, call_timeout=PATIENT
        )
        self.events: list[ChangeEvent] = []
        options = self.options
        store = self.new_store()
        self.server = ClaimServer(url, store, options)
        self.client = RemoteClaimStore(url, options)
        self.accepting = RabbitQueue(url, claims=store, options=options)
        self.working = RabbitQueue(url, claims=self.client, options=options)

    def new_store(self) -> InMemoryClaimStore:
        return InMemoryClaimStore(ClaimStateMachine(), self.events.append)

    async def close(self) -> None:
        await self.working.close()
        await self.accepting.close()
        await self.server.stop()

    def changes(self, message_id: str) -> list[Change]:
        return [each.change for each in self.events if each.message_id == message_id]


@pytest.fixture
async def two(rabbitmq_url: str) -> AsyncIterator[Two]:
    two = Two(rabbitmq_url)
    await two.server.start()
    yield two
    await two.close()
    await delete_queues(rabbitmq_url, two.options)


async def test_records_of_all_processes_are_in_one_place(two: Two) -> None:
    await two.accepting.send(Message(id="m", lane=LANE, body=b"hello", note=b"1"))
    [delivery] = await two.working.receive([LANE], limit=1, wait=SOON)
    await delivery.start(b"2")
    await delivery.ack("ü".encode())

    story = [(each.change, each.note) for each in two.events]
    assert story == [
        (Change.ENQUEUED, b"1"),
        (Change.STARTED, b"2"),
        (Change.DONE, "ü".encode()),
    ]


async def test_times_and_lanes_cross_the_wire(two: Two) -> None:
    at = datetime(2027, 1, 31, 9, 0, 0, 123_000, tzinfo=UTC)
    events = ChangeEvent(
        change=Change.RETRIED, message_id="m", lane=LANE, at=at, due_at=at + SOON, note=b""
    )

    await two.client.record(events)

    assert two.events == [events]


async def test_either_start_or_cancel_wins_between_processes(two: Two) -> None:
    for number in range(20):
        await two.accepting.send(Message(id=f"m{number}", lane=LANE, body=b""))
        [delivery] = await two.working.receive([LANE], limit=1, wait=SOON)
        started, cancelled = await asyncio.gather(
            delivery.start(), two.accepting.cancel(f"m{number}"), return_exceptions=True
        )

        assert (started is None) == (cancelled is ControlOutcome.REFUSED)
        assert isinstance(started, LeaseLost) == (cancelled is ControlOutcome.DONE)


async def test_nothing_is_taken_up_or_lost_while_the_claim_server_is_away(two: Two) -> None:
    await two.accepting.send(Message(id="m", lane=LANE, body=b"hello"))
    await two.server.stop()

    async with asyncio.timeout(60):
        with pytest.raises(QueueUnavailable, match="away"):
            await two.working.receive([LANE], limit=1, wait=SOON)
        with pytest.raises(QueueUnavailable, match="away"):
            await two.working.ping()

    two.server = ClaimServer(two.server._connection._url, two.new_store(), two.options)
    await two.server.start()
    [delivery] = await two.working.receive([LANE], limit=1, wait=SOON)
    await delivery.ack()
    assert two.changes("m")[-1] is Change.DONE


async def test_restarted_claim_server_lets_go_on_with_what_is_in_hand(two: Two) -> None:
    await two.accepting.send(Message(id="m", lane=LANE, body=b"hello"))
    [delivery] = await two.working.receive([LANE], limit=1, wait=SOON)
    await two.server.stop()
    two.server = ClaimServer(two.server._connection._url, two.new_store(), two.options)
    await two.server.start()

    await delivery.start()
    assert list(await two.working.renew([delivery])) == []
    await delivery.ack()

    assert two.changes("m") == [Change.ENQUEUED, Change.STARTED, Change.DONE]


async def test_second_claim_server_is_refused_and_says_why(two: Two, rabbitmq_url: str) -> None:
    options = replace(two.options, call_timeout=timedelta(seconds=2))
    second = ClaimServer(rabbitmq_url, two.new_store(), options)
    await second.start()

    error: QueueUnavailable | None = None
    async with asyncio.timeout(60):
        while not isinstance(error, ClaimServerRuns):  # it may also have taken too long
            with pytest.raises(QueueUnavailable) as refused:
                await second.check()
            error = refused.value
    assert "only one" in str(error)
    await second.stop()
    await two.server.check()


async def test_account_with_the_permissions_that_are_asked_for_may_do_everything(
    rabbitmq_node: RabbitNode,
) -> None:
    two = Two(rabbitmq_node.url.replace("guest:guest", "few:rights"))
    own = rf"^{two.options.namespace}\."
    rights = (own, rf"^({two.options.namespace}\.|amq\.default$)", own)
    await asyncio.to_thread(rabbitmq_node.control, "add_user", "few", "rights")
    await asyncio.to_thread(rabbitmq_node.control, "set_permissions", "few", *rights)
    await two.server.start()

    await two.accepting.durability()
    await two.accepting.send(Message(id="m", lane=LANE, body=b"hello"))
    [delivery] = await two.working.receive([LANE], limit=1, wait=SOON)
    await delivery.retry(timedelta(milliseconds=10))
    [delivery] = await two.working.receive([LANE], limit=1, wait=SOON)
    await delivery.dead_letter("no")

    assert await two.accepting.replay("m") is ControlOutcome.DONE
    await two.close()
    await delete_queues(rabbitmq_node.url, two.options)


async def test_operation_that_fails_fails_alone(two: Two) -> None:
    outcomes = await asyncio.gather(
        two.client.run("cancel", "m"), two.client.run("no such"), return_exceptions=True
    )

    assert list(outcomes[0]) == ["unknown"]  # type: ignore[arg-type]
    assert isinstance(outcomes[1], QueueUnavailable)


async def test_the_claim_servers_clock_counts_for_all(rabbitmq_url: str) -> None:
    events: list[ChangeEvent] = []
    options = RabbitOptions(
        namespace=f"k{secrets.token_hex(4)}",
        lease=timedelta(minutes=1),
        call_timeout=PATIENT,
    )
    clock = FrozenClock()
    store = InMemoryClaimStore(ClaimStateMachine(), events.append, now=clock)
    server, client = (
        ClaimServer(rabbitmq_url, store, options),
        RemoteClaimStore(rabbitmq_url, options),
    )
    await server.start()
    accepting = RabbitQueue(rabbitmq_url, claims=store, options=options)
    working = RabbitQueue(rabbitmq_url, claims=client, options=options)
    late = Message(id="late", lane=LANE, body=b"", expires_at=clock() + SOON)
    in_time = Message(id="m", lane=LANE, body=b"", expires_at=clock() + timedelta(hours=2))
    await accepting.send(late)
    await accepting.send(in_time)
    clock.jump(timedelta(hours=1))

    [delivery] = await working.receive([LANE], limit=9, wait=SOON)
    await delivery.start()
    await delivery.ack()

    assert delivery.id == "m"
    assert [each.change for each in events if each.message_id == "late"][-1] is Change.EXPIRED
    assert round((await working.time() - clock()) / timedelta(hours=1)) == 0
    await asyncio.gather(working.close(), accepting.close())
    await server.stop()
    await delete_queues(rabbitmq_url, options)
