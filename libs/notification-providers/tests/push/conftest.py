"""What the tests of push providers share."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from notification_providers.port import OutgoingMessage
from notification_providers.registry import PROVIDERS
from notification_providers.urls import Limits, ProviderContext


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.at = datetime(2027, 2, 1, tzinfo=UTC)

    def now(self):
        return self.at

    def advance(self, **by):
        self.at += timedelta(**by)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def opened(clock):
    """Open a provider by its URL; with `answer`, that function answers each of its requests."""
    made = []

    def open_provider(url, answer=None):
        provider, _ = PROVIDERS.open(url, ProviderContext("push", now=clock.now), Limits())
        made.append(provider)
        if answer is not None:
            provider.http.transport = httpx.MockTransport(answer)
        return provider

    yield open_provider
    for provider in made:
        await provider.close()


@pytest.fixture
def message():
    """Make a message to an address."""

    def make(address, **more):
        fields = {
            "trace_id": "0192d3a4-7e11-7aaa-8bbb-ccccdddd0001",
            "attempt": 1,
            "idempotency_key": "k-1",
            "message": "your parcel, “here”",
            "subject": "Thanks",
            "data": {"order": 7, "state": "done", "items": [1, {"a": None}]},
        }
        return OutgoingMessage(channel="push", address=address, **{**fields, **more})

    return make


@pytest.fixture
def pem():
    """Write a private key as PEM."""

    def write(key):
        return key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode()

    return write
