import random
from datetime import timedelta
from typing import Any

import pytest
from durable_queue.memory import InMemoryQueue
from durable_queue.metrics import QueueMetrics
from durable_queue.port import Message, OnAmbiguous
from durable_queue.worker import Isolation
from durable_queue.worker.in_flight import InFlight
from notification_contracts.trace_ids import new_trace_id
from notification_dispatcher.interface.metrics import StageMetrics
from notification_dispatcher.interface.settlement import Stage
from notification_dispatcher.interface.stages import DeliveryStage, StageHandler, ValidationStage
from notification_ledger.memory import MemoryLedger
from prometheus_client import CollectorRegistry
from testkit.clock import FrozenClock

LANES = ("delivery.email.normal",)


@pytest.fixture
def clock():
    return FrozenClock()


@pytest.fixture
def ledger(clock):
    return MemoryLedger(now=clock)


@pytest.fixture
def queue(clock, ledger):
    return InMemoryQueue(recorder=ledger, now=clock, steady=clock.steady)


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def metrics(registry):
    return StageMetrics(registry)


@pytest.fixture
def handle(queue, metrics):
    """Let a stage bring the next message to its end, by a verdict or by what makes one.

    A callable gets the event and, for a channel, what passes the point of no return.
    """

    async def run(decide, *, channel="email", on_ambiguous=OnAmbiguous.RESEND):
        async def deliver(event, attempt, contact, *, on_start):
            return await decide(event, on_start) if callable(decide) else decide

        async def find(asked):
            if channel is not None:
                return [None for _ in asked]
            return [await decide(*each) if callable(decide) else decide for each in asked]

        twins: Any = {"deliver": deliver, "find_contacts": find}
        stage = Stage(
            name="delivery.email" if channel else "validation",
            channel=channel,
            on_ambiguous=on_ambiguous,
            metrics=metrics,
        )
        own = DeliveryStage(stage=stage, channel=channel, deliver=twins["deliver"])
        handler = StageHandler(
            stage=stage,
            find_contacts=twins["find_contacts"],
            go=own.go if channel else ValidationStage(deliveries={}).go,
            random=random.random,
            longest_version_wait=timedelta(days=1),
        )
        in_flight = in_flight_of(queue, handler.handle)
        in_flight.add(await queue.receive(LANES, limit=1, wait=timedelta(0)))
        while in_flight.in_flight:
            await in_flight.wait_for_slot()

    return run


def in_flight_of(queue, handle, **fields):
    return InFlight(
        queue,
        handle,
        worker="test",
        concurrency=10,
        lease=timedelta(seconds=60),
        metrics=QueueMetrics(CollectorRegistry()),
        isolation=Isolation(),
        **fields,
    )


@pytest.fixture
async def trace_id(queue):
    trace_id = new_trace_id()
    body = b'{"user_id":"ada","message":"secret words"}'
    await queue.send(Message(id=trace_id, lane=LANES[0], body=body))
    return trace_id
