"""Pausing channels, over HTTP."""

from collections.abc import AsyncIterator

import httpx
import pytest
from durable_queue.memory import InMemoryQueue
from notification_contracts.channels import CHANNELS
from notification_contracts.lanes import PRIORITIES, delivery_lane
from notification_contracts.states import Status
from notification_ledger.channel_pauses import NoChannelPauses
from notification_ledger.memory import MemoryLedger
from notification_ledger.status_update import StatusUpdate
from notification_publisher.main import build
from notification_publisher.settings import PublisherSettings
from testkit.http import asgi_client


@pytest.fixture
async def forgetful(
    settings: PublisherSettings, queue: InMemoryQueue, ledger: MemoryLedger
) -> AsyncIterator[httpx.AsyncClient]:
    """A publisher that has nowhere to keep a pause."""
    app = build(settings, queue=queue, ledger=ledger, pauses=NoChannelPauses())
    async with asgi_client(app) as client:
        yield client


async def test_a_channel_is_paused_until_it_is_resumed(client: httpx.AsyncClient) -> None:
    first = (await client.post("/channels/sms/pause")).json()
    again = (await client.post("/channels/sms/pause")).json()
    listed = (await client.get("/channels")).json()["items"]
    shown = (await client.get("/pipeline")).json()["channels"]
    resumed = (await client.post("/channels/sms/resume")).json()
    once_more = (await client.post("/channels/sms/resume")).json()
    after = (await client.get("/pipeline")).json()["channels"]

    assert first == again
    assert (first["channel"], first["is_paused"]) == ("sms", True)
    assert listed == shown
    assert [each for each in shown if each["is_paused"]] == [first]
    assert {each["channel"] for each in shown} == set(CHANNELS)
    assert resumed == once_more == {"channel": "sms", "is_paused": False, "paused_at": None}
    assert not any(each["is_paused"] for each in after)


async def test_a_channel_that_does_not_exist_is_not_found(client: httpx.AsyncClient) -> None:
    for action in ("pause", "resume"):
        refused = await client.post(f"/channels/pigeon/{action}")

        assert (refused.status_code, refused.json()["code"]) == (404, "channel_not_found")
        assert refused.json()["detail"].startswith("There is no channel pigeon; there are email")


async def test_where_a_pause_would_be_forgotten_none_begins_and_it_is_said_why(
    forgetful: httpx.AsyncClient,
) -> None:
    refused = await forgetful.post("/channels/sms/pause")
    resumed = await forgetful.post("/channels/sms/resume")

    assert (refused.status_code, refused.json()["code"]) == (409, "pauses_not_kept")
    assert "LEDGER_URL" in refused.json()["detail"]
    assert resumed.json()["is_paused"] is False


async def test_a_notification_says_that_its_channel_is_paused(
    client: httpx.AsyncClient, send, take
) -> None:
    trace_id = await send(channel="sms")
    note = StatusUpdate(status=Status.VALIDATED, channel="sms").encode()
    await (await take()).forward(delivery_lane("sms", PRIORITIES[1]), note)
    await client.post("/channels/sms/pause")
    await client.post("/channels/email/pause")

    told = (await client.get(f"/notifications/{trace_id}/explain")).json()
    await client.post("/channels/sms/resume")
    later = (await client.get(f"/notifications/{trace_id}/explain")).json()

    assert "The channel sms is paused" in told["sentence"]
    assert told["next"] == "It goes on when sms is resumed."
    assert [fact["name"] for fact in told["facts"]][-1] == "channel_paused_at"
    assert "paused" not in later["sentence"]
