"""Push providers against the lab: whose an address is, what arrives, and what is their own."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from asyncnotify_lab import Lab
from asyncnotify_lab.wires.webpush import subscription
from notification_providers.port import (
    Accepted,
    OutgoingMessage,
)
from notification_providers.registry import PROVIDERS
from notification_providers.urls import Limits, ProviderContext

NAMES = ("webpush", "fcm", "apns")
LIMITS = Limits(timeout=timedelta(seconds=30))


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """Keep the lab's keys: making an RSA key takes long."""
    return tmp_path_factory.mktemp("lab")


@pytest.fixture
async def lab(keys):
    lab = Lab(keys, keeps_messages=False)
    await lab.start()
    yield lab
    await lab.stop()


@pytest.fixture
async def providers(lab):
    context = ProviderContext("push", now=lambda: datetime.now(UTC))
    opened = [PROVIDERS.open(url, context, LIMITS)[0] for url in lab.provider_urls["push"]]
    yield {provider.name: provider for provider in opened}
    for provider in opened:
        await provider.close()


@pytest.fixture
def send(lab, providers):
    addresses = {
        "webpush": json.dumps(subscription(lab.http_url, "anna")),
        "fcm": "d3v1c3:APA91bF",
        "apns": "ab" * 32,
    }

    async def send(name):
        address = addresses[name]
        assert [each for each, provider in providers.items() if provider.takes(address)] == [name]
        message = OutgoingMessage(
            trace_id="0192d3a4-7e11-7aaa-8bbb-ccccdddd0001",
            channel="push",
            attempt=1,
            idempotency_key="k-1",
            address=address,
            message="your parcel, “here”",
            subject="Thanks",
            data={"order": 7},
        )
        return await providers[name].send(message)

    return send


@pytest.mark.parametrize("name", NAMES)
async def test_what_is_sent_arrives(lab, send, name):
    assert isinstance(await send(name), Accepted)

    [arrived] = await lab.arrived(wire=name)
    assert (arrived.kind, arrived.subject, arrived.text) == (
        "push",
        "Thanks",
        "your parcel, “here”",
    )


@pytest.mark.parametrize("name", NAMES)
async def test_it_waits_for_as_long_as_it_is_asked_to(lab, send, name):
    lab.fault(wire=name, answer="throttled", retry_after=90)

    assert (await send(name)).retry_after == timedelta(seconds=90)


async def test_a_device_is_gone_since_when_apple_says(lab, send):
    before = datetime.now(UTC) - timedelta(seconds=1)
    lab.fault(wire="apns", answer="gone")

    assert before <= (await send("apns")).since <= datetime.now(UTC)


async def test_a_call_that_apns_did_not_handle_is_made_again_on_a_new_connection(lab, send):
    assert isinstance(await send("apns"), Accepted)
    lab.fault(wire="apns", answer="go_away", times=1)

    assert isinstance(await send("apns"), Accepted)
