"""What the tests of push providers share."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from notification_providers.port import OutgoingMessage
from notification_providers.push.apns import ApnsProvider
from notification_providers.push.fcm import FcmProvider
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
            assert isinstance(provider, FcmProvider | ApnsProvider)
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


class Google:
    """The token endpoint and FCM: answers with `replies` in turn, and then accepts."""

    def __init__(self):
        self.granted, self.asked, self.got = 0, [], []
        self.replies, self.grants = [], []

    async def __call__(self, request):
        if request.url.host == "oauth2.test":
            self.asked.append(parse_qs(request.content.decode()))
            await asyncio.sleep(0)
            return self.grants.pop(0) if self.grants else self._grant()
        self.got.append(request)
        reply = self.replies.pop(0) if self.replies else _accepted()
        if isinstance(reply, Exception):
            raise reply
        return reply

    def _grant(self):
        self.granted += 1
        answer = {"access_token": f"t-{self.granted}", "expires_in": 3599, "token_type": "Bearer"}
        return httpx.Response(200, json=answer)

    @property
    def messages(self):
        return [json.loads(request.content)["message"] for request in self.got]

    @property
    def tokens(self):
        return [request.headers["authorization"] for request in self.got]


def _accepted():
    return httpx.Response(200, json={"name": "projects/shop/messages/0:15%31"})


@pytest.fixture
def google():
    return Google()
