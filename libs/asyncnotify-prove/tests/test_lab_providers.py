import random
from collections import Counter
from datetime import UTC, datetime

import pytest
from asyncnotify_prove.faults import PROVIDER_FAULTS, Fault
from asyncnotify_prove.lab_providers import WIRES, LabProviders
from asyncnotify_prove.promises import Promise
from asyncnotify_prove.requests import USERS
from notification_providers.port import (
    Accepted,
    OutgoingMessage,
    TransientFailure,
    UncertainFailure,
)
from notification_providers.registry import PROVIDERS
from notification_providers.urls import Limits, ProviderContext

TRACE_IDS = {
    "email": "019c0f5e-8a3c-7b1e-9a57-3f0c2d1e4b51",
    "sms": "019c0f5e-8a3c-7b1e-9a57-3f0c2d1e4b52",
    "push": "019c0f5e-8a3c-7b1e-9a57-3f0c2d1e4b53",
}
PROMISES = [
    Promise(key=f"key-{channel}", trace_id=trace_id, expected=frozenset({"sent"}))
    for channel, trace_id in TRACE_IDS.items()
]


@pytest.fixture
async def started(tmp_path):
    """A lab, and what it has the dispatchers told."""
    lab = LabProviders(tmp_path, random.Random(1))
    yield lab, await lab.start()
    await lab.stop()


@pytest.fixture
def lab(started):
    return started[0]


@pytest.fixture
async def send(started):
    """Send by the provider of a channel, as a dispatcher does."""
    opened = {}
    for channel in WIRES:
        context = ProviderContext(channel=channel, now=lambda: datetime.now(UTC))
        url = started[1][f"{channel.upper()}_PROVIDERS"]
        opened[channel], _ = PROVIDERS.open(url, context, Limits())

    async def by(channel):
        message = OutgoingMessage(
            trace_id=TRACE_IDS[channel],
            channel=channel,
            attempt=1,
            idempotency_key=TRACE_IDS[channel],
            address=USERS["prove-ok"][channel],
            message=f"key-{channel}",
        )
        return await opened[channel].send(message)

    yield by
    for provider in opened.values():
        await provider.close()


async def test_what_arrives_is_known_by_its_notification(lab, send):
    for channel in WIRES:
        assert isinstance(await send(channel), Accepted)

    assert [(line["trace_id"], line["message"]) for line in lab.lines(PROMISES)] == [
        (TRACE_IDS[channel], f"key-{channel}") for channel in WIRES
    ]
    assert [each.trace_id for each in lab.received(PROMISES)] == list(TRACE_IDS.values())
    assert next(line for line in lab.lines([]) if "sms" in line["message"])["trace_id"] == (
        "never promised: key-sms"
    )


async def test_a_lost_answer_leaves_a_doubt_and_a_push_takes_the_place_of_the_first(lab, send):
    await lab.do(Fault.PROVIDER_LOSES_ANSWERS)
    for channel in WIRES:
        assert isinstance(await send(channel), UncertainFailure)
        assert isinstance(await send(channel), UncertainFailure)

    copies = Counter(line["message"] for line in lab.lines(PROMISES) if not line.get("is_repeat"))
    assert copies == {"key-email": 2, "key-sms": 2, "key-push": 1}


@pytest.mark.parametrize("fault", [Fault.PROVIDER_HANGS_UP, Fault.PROVIDER_THROTTLES])
async def test_what_was_not_taken_did_not_arrive(lab, send, fault):
    await lab.do(fault)
    for channel in WIRES:
        assert isinstance(await send(channel), TransientFailure | UncertainFailure)

    assert not list(lab.lines(PROMISES))


def test_each_fault_is_on_some_wire_or_on_all():
    assert set(PROVIDER_FAULTS) == {fault for fault in Fault if fault.startswith("provider-")}
