"""What SMS providers have of their own, on the lab: texts, questions and receipts."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest
from asyncnotify_lab import Lab
from notification_contracts.address_reports import ReportKind
from notification_contracts.states import Reason
from notification_providers.port import (
    Accepted,
    AddressGone,
    AskableProvider,
    CheckableProvider,
    ForgedReceipt,
    NotTaken,
    OutgoingMessage,
    Receipt,
    ReceiptReader,
    ReceiptRequest,
    ReceiptStatus,
    UncertainFailure,
)
from notification_providers.registry import PROVIDERS
from notification_providers.urls import Limits, ProviderContext
from testkit.http import live_server

ACCOUNT, TO = "AC" + "0" * 32, "+12025550101"


@pytest.fixture
async def lab():
    async with Lab.started() as lab:
        yield lab


class Inbox:
    """Where receipts are posted, as they came."""

    def __init__(self):
        self.got = []
        self.url = ""

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return
        body = b""
        while True:
            event = await receive()
            body += event.get("body", b"")
            if not event.get("more_body"):
                break
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        url = f"http://{headers['host']}{scope['path']}"
        self.got.append(ReceiptRequest(url=url, headers=headers, body=body))
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    async def read_by(self, provider, count):
        """Wait for so many, and read them in the order in which they came."""
        async with asyncio.timeout(60):
            while len(self.got) < count:
                await asyncio.sleep(0.01)
        return [item for request in self.got[:count] for item in provider.read(request)]


@asynccontextmanager
async def opened(url):
    context = ProviderContext("sms", now=lambda: datetime.now(UTC))
    provider, _ = PROVIDERS.open(url, context, Limits())
    try:
        yield provider
    finally:
        await provider.close()


@pytest.fixture
async def inbox():
    app = Inbox()
    async with live_server(app) as url:
        app.url = f"{url}/receipts/sms/twilio"
        yield app


def twilio_url(lab, inbox):
    return f"twilio://{ACCOUNT}:t0ken@/+12025550100?host={lab.http_url}&status_callback={inbox.url}"


def gateway_url(lab, _inbox):
    url = lab.http_url.replace("http://", "sms+http://user:pass@")
    return f"{url}/sms-gateway/send?to={{to}}&text={{text}}&_id=/id"


@pytest.fixture
async def twilio(lab, inbox):
    async with opened(twilio_url(lab, inbox)) as provider:
        yield provider


@pytest.fixture(params=[twilio_url, gateway_url])
async def provider(request, lab, inbox):
    """Each of the two, in turn."""
    async with opened(request.param(lab, inbox)) as provider:
        yield provider


def a_message(text="hello", to=TO):
    return OutgoingMessage(
        trace_id="t1", channel="sms", attempt=1, idempotency_key="t1", address=to, message=text
    )


@pytest.mark.parametrize("text", ["hello", "50% & more = 5 \u20ac\n+\N{GRINNING FACE}"])
async def test_a_text_arrives_as_it_was(provider, lab, text):
    answer = await provider.send(a_message(text))

    [sms] = await lab.arrived()
    assert answer == Accepted(message_id=sms.id)
    assert (sms.kind, sms.to, sms.text) == ("sms", TO, text)


@pytest.mark.parametrize(("phase", "was_taken"), [("received", False), ("taken", True)])
async def test_twilio_says_what_became_of_an_uncertain_send(lab, twilio, phase, was_taken):
    assert isinstance(twilio, AskableProvider)
    since = datetime.now(UTC)
    await twilio.send(a_message("another"))
    lab.fault(wire="twilio", phase=phase, answer="hang_up", times=1)
    assert isinstance(await twilio.send(a_message()), UncertainFailure)

    found = await twilio.find(a_message(), since=since)

    taken = [each.id for each in lab.messages.find() if each.text == "hello"]
    assert found == (Accepted(message_id=taken[0]) if was_taken else NotTaken())


async def test_credentials_are_tried_without_sending(lab, twilio):
    assert isinstance(twilio, CheckableProvider)

    assert (await twilio.check()).words == "the account is active"
    assert lab.messages.find() == []


async def test_a_receipt_says_what_became_of_it(lab, twilio, inbox):
    assert isinstance(twilio, ReceiptReader)
    answer = await twilio.send(a_message())

    [receipt] = await inbox.read_by(twilio, 1)
    assert isinstance(receipt, Receipt)
    assert (receipt.message_id, receipt.status) == (answer.message_id, ReceiptStatus.DELIVERED)


async def test_also_of_a_send_that_was_uncertain(lab, twilio, inbox):
    lab.fault(wire="twilio", phase="taken", answer="hang_up", times=1)
    assert isinstance(await twilio.send(a_message()), UncertainFailure)

    [receipt] = await inbox.read_by(twilio, 1)

    assert receipt.message_id == lab.messages.find()[0].id


async def test_receipts_may_come_before_the_answer(lab, twilio, inbox):
    lab.fault(wire="twilio", answer="early")

    answer = await twilio.send(a_message())

    assert len(inbox.got) == 1
    [receipt] = await inbox.read_by(twilio, 1)
    assert receipt.message_id == answer.message_id


async def test_receipts_may_come_twice(lab, twilio, inbox):
    lab.fault(wire="twilio", answer="doubled")

    await twilio.send(a_message())

    statuses = [each.status for each in await inbox.read_by(twilio, 2)]
    assert statuses == [ReceiptStatus.DELIVERED] * 2


async def test_a_forged_receipt_is_not_believed(lab, twilio, inbox):
    lab.fault(wire="twilio", answer="forged")
    await twilio.send(a_message())

    with pytest.raises(ForgedReceipt):
        await inbox.read_by(twilio, 1)


async def test_what_was_not_delivered_says_why(lab, twilio, inbox):
    changes = {"MessageStatus": "undelivered", "ErrorCode": 30006}
    lab.fault(wire="twilio", phase="receipt", body=changes)
    await twilio.send(a_message())

    failed, report = await inbox.read_by(twilio, 1)

    assert (failed.status, failed.reason) == (ReceiptStatus.FAILED, Reason.INVALID_ADDRESS)
    assert (report.kind, report.address) == (ReportKind.BOUNCE, TO)


async def test_who_answers_stop_gets_no_more_until_start(lab, twilio, inbox):
    await twilio.send(a_message())
    await inbox.read_by(twilio, 1)
    kinds, outcomes = [], []
    async with httpx.AsyncClient(base_url=lab.http_url, timeout=60) as client:
        for number, word in enumerate(("STOP", "START"), start=2):
            await client.post("/lab/twilio/answers", json={"from": TO, "text": word})
            kinds.append((await inbox.read_by(twilio, number))[-1].kind)
            outcomes.append(type(await twilio.send(a_message())))

    assert kinds == [ReportKind.OPT_OUT, ReportKind.OPT_IN]
    assert outcomes == [AddressGone, Accepted]


async def test_the_labs_own_providers_reach_it(lab):
    assert len(lab.provider_urls["sms"]) == 2
    for url in lab.provider_urls["sms"]:
        async with opened(url) as provider:
            assert isinstance(await provider.send(a_message(to="+12025550199")), Accepted)
