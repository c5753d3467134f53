import random
from datetime import timedelta

import pytest
from durable_queue.memory import InMemoryQueue
from durable_queue.port import Message, OnAmbiguous
from notification_contracts.trace_ids import new_trace_id
from notification_dispatcher.interface.metrics import StageMetrics
from notification_dispatcher.interface.stages import StageHandler
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
    """Let a stage handle the next message with a verdict that is given; None: it starts it."""

    async def run(decide, *, channel="email", on_ambiguous=OnAmbiguous.RESEND):
        async def decide_so(event, in_stage):
            return await decide(event, in_stage) if callable(decide) else decide

        stage = StageHandler(
            name="delivery.email" if channel else "validation",
            decide=decide_so,
            metrics=metrics,
            random=random.random,
            channel=channel,
            on_ambiguous=on_ambiguous,
            longest_version_wait=timedelta(days=1),
        )
        [delivery] = await queue.receive(LANES, limit=1, wait=timedelta(0))
        await stage.handle(delivery)

    return run


@pytest.fixture
async def trace_id(queue):
    trace_id = new_trace_id()
    body = b'{"user_id":"ada","message":"secret words"}'
    await queue.send(Message(id=trace_id, lane=LANES[0], body=body))
    return trace_id
