"""A server that takes a connection and then says nothing was sent nothing, if TLS comes first."""

import asyncio
from datetime import UTC, datetime

import pytest
from notification_providers.port import OutgoingMessage, TransientFailure
from notification_providers.registry import PROVIDERS
from notification_providers.urls import Limits, ProviderContext

SILENT_SERVERS = {
    "sms+https": ("sms", "sms+https://127.0.0.1:{port}/send?to={{to}}&text={{text}}"),
    "twilio": (
        "sms",
        "twilio://AC" + "0" * 32 + ":token@/+12025550100?host=https://127.0.0.1:{port}",
    ),
    "resend": ("email", "resend://key@/?from=news@example.org&host=https://127.0.0.1:{port}"),
}


@pytest.mark.parametrize("name", SILENT_SERVERS)
async def test_who_is_silent_before_tls_is_agreed_leaves_no_doubt(name):
    arrived, done, closed = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def handle(reader, writer):
        arrived.set()
        await done.wait()
        writer.close()
        await writer.wait_closed()
        closed.set()

    channel, url = SILENT_SERVERS[name]
    address = "ada@example.com" if channel == "email" else "+12025550199"
    message = OutgoingMessage(
        trace_id="t-1",
        channel=channel,
        attempt=1,
        idempotency_key="t-1",
        address=address,
        message="hello",
    )
    context = ProviderContext(channel, now=lambda: datetime.now(UTC))
    async with await asyncio.start_server(handle, "127.0.0.1", 0) as server, asyncio.timeout(60):
        port = server.sockets[0].getsockname()[1]
        text = f"{url.format(port=port)}&timeout_seconds=3"
        provider, _ = PROVIDERS.open(text, context, Limits())

        answer = await provider.send(message)

        await provider.close()
        assert arrived.is_set()
        done.set()
        await closed.wait()
    assert isinstance(answer, TransientFailure), answer
