import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from notification_contracts.states import Reason
from notification_providers.port import (
    Accepted,
    AddressGone,
    FaultSide,
    OutgoingMessage,
    PermanentFailure,
    TransientFailure,
    UncertainFailure,
)
from notification_providers.registry import PROVIDERS
from notification_providers.urls import InvalidProviderUrl, Limits, ProviderContext
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from testkit.stream_server import port_of, stream_server

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OLD = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"


class Receiver:
    """A receiver on loopback: answers as it is told, and keeps what it got."""

    def __init__(self):
        self.got = []
        self.url = ""
        self.server = None
        self.reply = b"HTTP/1.1 204 No Content\r\n\r\n"

    async def serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        raw = dict(line.split(": ", 1) for line in head[1:] if line)
        headers.update({name.lower(): value for name, value in raw.items()})
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        self.got.append((head[0], headers, body))
        if self.reply is None:
            await reader.read()  # until the other side gives up
        else:
            writer.write(self.reply)
            await writer.drain()


@pytest.fixture
async def receiver():
    receiver = Receiver()
    async with stream_server(receiver.serve) as receiver.server:
        receiver.url = f"http://127.0.0.1:{port_of(receiver.server)}/hook?a=b"
        yield receiver


def open_webhook(url=f"webhook://{SECRET}@/?allow=127.0.0.0/8", now=lambda: datetime.now(UTC)):
    provider, _ = PROVIDERS.open(url, ProviderContext("webhook", now=now), Limits())
    return provider


def message(address):
    return OutgoingMessage(
        trace_id="t-1",
        channel="webhook",
        attempt=1,
        idempotency_key="k-1",
        address=address,
        message="your purchase, “done”",
        subject="Thanks",
        data={"order": 7},
    )


async def send(receiver, provider=None):
    provider = provider or open_webhook()
    try:
        return await provider.send(message(receiver.url))
    finally:
        await provider.close()


async def test_it_is_posted_and_its_signature_verifies(receiver):
    assert await send(receiver) == Accepted()

    [(line, headers, body)] = receiver.got
    assert line == "POST /hook?a=b HTTP/1.1"
    assert headers["webhook-id"] == "k-1"
    # https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
    Webhook(SECRET).verify(body, headers)
    assert json.loads(body) == {
        "type": "notification",
        "data": {
            "trace_id": "t-1",
            "subject": "Thanks",
            "message": "your purchase, “done”",
            "data": {"order": 7},
        },
    }


async def test_while_secrets_change_either_verifies(receiver):
    quoted = OLD.replace("+", "%2B")
    await send(receiver, open_webhook(f"webhook://{SECRET}:{quoted}@/?allow=127.0.0.0/8"))

    [(_, headers, body)] = receiver.got
    Webhook(SECRET).verify(body, headers)
    Webhook(OLD).verify(body, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_" + "A" * 32).verify(body, headers)


async def test_a_clock_in_another_zone_signs_the_same_second(receiver):
    zone = timezone(timedelta(hours=5))
    await send(receiver, open_webhook(now=lambda: datetime.now(zone)))

    [(_, headers, body)] = receiver.got
    Webhook(SECRET).verify(body, headers)


async def test_without_a_secret_nothing_is_signed(receiver):
    await send(receiver, open_webhook("webhook://?allow=127.0.0.0/8"))

    assert "webhook-signature" not in receiver.got[0][1]


def transient(reason, status, retry_after=None):
    return TransientFailure(
        reason=reason,
        detail=f"the receiver answered {status}",
        retry_after=retry_after,
        fault=FaultSide.RECIPIENT,
    )


@pytest.mark.parametrize(
    ("status", "headers", "answer"),
    [
        (302, "Location: http://169.254.169.254/", transient(Reason.PROVIDER_REJECTED, 302)),
        (404, "A: b", transient(Reason.PROVIDER_REJECTED, 404)),
        (410, "A: b", AddressGone(reason=Reason.ADDRESS_GONE, detail="the receiver answered 410")),
        (
            413,
            "A: b",
            PermanentFailure(
                reason=Reason.MESSAGE_TOO_LONG,
                detail="the receiver answered 413",
                fault=FaultSide.RECIPIENT,
            ),
        ),
        (429, "Retry-After: 7", transient(Reason.PROVIDER_REJECTED, 429, timedelta(seconds=7))),
        (500, "A: b", transient(Reason.PROVIDER_UNAVAILABLE, 500)),
        (503, "Retry-After: 9", transient(Reason.PROVIDER_UNAVAILABLE, 503, timedelta(seconds=9))),
    ],
)
async def test_what_each_answer_becomes(receiver, status, headers, answer):
    receiver.reply = f"HTTP/1.1 {status} X\r\n{headers}\r\nContent-Length: 0\r\n\r\n".encode()

    assert await send(receiver) == answer
    assert len(receiver.got) == 1


async def test_a_receiver_that_hangs_up_leaves_it_uncertain_and_is_at_fault(receiver):
    receiver.reply = b""

    answer = await send(receiver)

    assert isinstance(answer, UncertainFailure)
    assert answer.fault is FaultSide.RECIPIENT


async def test_a_receiver_that_is_silent_is_at_fault(receiver):
    receiver.reply = None

    answer = await send(
        receiver, open_webhook(f"webhook://{SECRET}@/?allow=127.0.0.0/8&timeout_seconds=0.2")
    )

    assert answer == UncertainFailure(detail="no answer in time", fault=FaultSide.RECIPIENT)


async def test_a_receiver_that_is_down_is_at_fault(receiver):
    receiver.server.close()
    await receiver.server.wait_closed()

    answer = await send(receiver)

    assert isinstance(answer, TransientFailure)
    assert answer.fault is FaultSide.RECIPIENT


async def test_this_machine_is_out_of_reach_unless_it_is_allowed(receiver):
    answer = await send(receiver, open_webhook(f"webhook://{SECRET}@/"))

    assert isinstance(answer, PermanentFailure)
    assert answer.reason == Reason.INVALID_ADDRESS
    assert receiver.got == []


@pytest.mark.parametrize(
    "url",
    [
        "webhook://whsec_short@/",
        "webhook://not~base64@/",
        "webhook://?allow=everything",
        "webhook://?permit=10.0.0.0/8",
    ],
)
def test_settings_that_make_no_sense_are_refused(url):
    with pytest.raises(InvalidProviderUrl):
        open_webhook(url)


def test_it_is_for_webhooks_alone():
    context = ProviderContext("email", now=lambda: datetime.now(UTC))

    with pytest.raises(InvalidProviderUrl, match="is for webhook, not email"):
        PROVIDERS.open("webhook://", context, Limits())


def test_secrets_stay_out_of_tracebacks():
    assert SECRET not in repr(open_webhook())
