import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from notification_contracts.address_reports import ReportKind
from notification_contracts.states import Reason
from notification_providers.email_api.resend import ResendProvider
from notification_providers.port import (
    Accepted,
    AddressReport,
    ForgedReceipt,
    OutgoingMessage,
    PermanentFailure,
    Receipt,
    ReceiptRequest,
    ReceiptStatus,
    TransientFailure,
    UnreadableReceipt,
)
from notification_providers.registry import PROVIDERS
from notification_providers.urls import InvalidProviderUrl, Limits, ProviderContext
from standardwebhooks import Webhook

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CREATED = "2027-01-31T09:00:00.000Z"


def opened(options="", answer=None):
    url = f"resend://re_key@/?from=Shop%20<shop@example.org>&{options}"
    context = ProviderContext("email", now=lambda: datetime.now(UTC))
    provider, _ = PROVIDERS.open(url, context, Limits())
    assert isinstance(provider, ResendProvider)
    if answer:
        provider.http.transport = httpx.MockTransport(answer)
    return provider


def message(**more):
    fields = {"message": "Hello", "subject": "Your order", "html": "<p>Hello</p>"}
    return OutgoingMessage(
        trace_id="t",
        channel="email",
        attempt=1,
        idempotency_key="key-1",
        **{"address": "ada@example.com", **fields, **more},
    )


async def test_a_mail_is_posted_with_all_that_it_has():
    """As https://resend.com/docs/api-reference/emails/send-email shows it."""
    posted = []

    def answer(request):
        posted.append(request)
        return httpx.Response(200, json={"id": "49a3999c"})

    provider = opened("reply_to=help@example.org", answer)

    assert await provider.send(message()) == Accepted(message_id="49a3999c")
    [request] = posted
    assert str(request.url) == "https://api.resend.com/emails"
    assert request.headers["authorization"] == "Bearer re_key"
    assert request.headers["idempotency-key"] == "key-1"
    assert json.loads(request.content) == {
        "from": "Shop <shop@example.org>",
        "to": ["ada@example.com"],
        "reply_to": "help@example.org",
        "subject": "Your order",
        "text": "Hello",
        "html": "<p>Hello</p>",
        "headers": {"Auto-Submitted": "auto-generated"},
    }


async def test_a_quota_that_is_used_up_pauses_for_an_hour():
    """Source: https://resend.com/docs/api-reference/rate-limit"""
    provider = opened(answer=lambda _: httpx.Response(429, json={"name": "daily_quota_exceeded"}))
    answer = await provider.send(message())

    assert isinstance(answer, TransientFailure)
    assert answer.provider_retry_after == timedelta(hours=1)


async def test_what_is_no_address_is_not_posted():
    answer = await opened(answer=lambda _: pytest.fail("posted")).send(message(address="a@b@c"))

    assert isinstance(answer, PermanentFailure)
    assert answer.reason is Reason.INVALID_ADDRESS


async def test_a_key_that_may_only_send_passes_the_check():
    restricted = httpx.Response(401, json={"name": "restricted_api_key"})
    refused = httpx.Response(400, json={"name": "validation_error", "message": "bad key"})

    assert (await opened(answer=lambda _: restricted).check()).is_ok
    assert (await opened(answer=lambda _: refused).check()).words == (
        "400 validation_error bad key"
    )


def posted(kind, secret=SECRET, at=None, **data):
    body = {"type": kind, "created_at": CREATED, "data": {"email_id": "49a3", **data}}
    return signed(json.dumps(body), secret, at)


def signed(text, secret=SECRET, at=None):
    at = at or datetime.now(UTC)
    headers = {
        "svix-id": "msg_1",
        "svix-timestamp": str(int(at.timestamp())),
        "svix-signature": Webhook(secret).sign("msg_1", at, text),
    }
    return ReceiptRequest(url="https://a/receipts/resend", headers=headers, body=text.encode())


def read(request):
    return opened(f"webhook_secret={SECRET}").read(request)


AT = datetime(2027, 1, 31, 9, 0, tzinfo=UTC)


def test_delivered():
    assert read(posted("email.delivered", to=["ada@example.com"])) == [
        Receipt(message_id="49a3", status=ReceiptStatus.DELIVERED, at=AT)
    ]


@pytest.mark.parametrize(
    ("kind", "event", "reason"),
    [
        ("Permanent", ReportKind.BOUNCE, Reason.ADDRESS_GONE),
        ("Transient", ReportKind.SOFT_BOUNCE, Reason.PROVIDER_REJECTED),
        ("Undetermined", ReportKind.SOFT_BOUNCE, Reason.PROVIDER_REJECTED),
    ],
)
def test_a_bounce_ends_the_mail_and_says_something_of_the_address(kind, event, reason):
    """The payload is that of https://resend.com/docs/webhooks/emails/bounced"""
    bounce = {"type": kind, "subType": "General", "message": "no <ada@example.com> here"}

    assert read(posted("email.bounced", to=["ada@example.com"], bounce=bounce)) == [
        Receipt(
            message_id="49a3",
            status=ReceiptStatus.FAILED,
            reason=reason,
            detail="no <…> here",
            at=AT,
        ),
        AddressReport(
            channel="email",
            kind=event,
            address="ada@example.com",
            reason=reason,
            evidence="no <…> here",
            at=AT,
        ),
    ]


def test_a_complaint_is_about_the_address_alone():
    [report] = read(posted("email.complained", to=["ada@example.com"]))

    assert isinstance(report, AddressReport)
    assert report.kind is ReportKind.COMPLAINT


def test_what_resend_held_back_has_failed():
    [receipt] = read(posted("email.suppressed", to=["ada@example.com"]))

    assert (receipt.status, receipt.reason) == (ReceiptStatus.FAILED, Reason.SUPPRESSED)


@pytest.mark.parametrize("kind", ["email.sent", "email.delivery_delayed", "email.opened", "new"])
def test_what_changes_nothing_says_nothing(kind):
    assert read(posted(kind, to=["ada@example.com"])) == []


@pytest.mark.parametrize(
    "request_",
    [
        posted("email.delivered", secret="whsec_c2VjcmV0c2VjcmV0c2VjcmV0"),
        posted("email.delivered", at=datetime.now(UTC) - timedelta(minutes=6)),
        ReceiptRequest(url="", headers={}, body=b"{}"),
        ReceiptRequest(
            url="",
            headers={"svix-id": "a", "svix-timestamp": "1", "svix-signature": "nonsense"},
            body=b"{}",
        ),
        ReceiptRequest(
            url="",
            headers={"svix-id": "a", "svix-timestamp": "inf", "svix-signature": "v1,x"},
            body=b"\xff",
        ),
    ],
)
def test_what_resend_did_not_sign_is_forged(request_):
    with pytest.raises(ForgedReceipt):
        read(request_)


def test_without_a_secret_nothing_is_believed():
    with pytest.raises(ForgedReceipt):
        opened().read(posted("email.delivered"))


@pytest.mark.parametrize("text", ["", "[]", '{"type": 1}', '{"type": "email.sent"}'])
def test_what_is_no_event_is_unreadable(text):
    with pytest.raises(UnreadableReceipt):
        read(signed(text))


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("resend://", "resend://KEY@"),
        ("resend://key@host/?from=a@b.example", "resend://KEY@"),
        ("resend://key@/", "from is missing"),
        ("resend://re_k%0Aey@/?from=a@b.example", "printable ASCII"),
        ("resend://key@/?from=a@b.example&host=http://elsewhere.example", "https"),
        ("resend://key@/?from=a@b.example&webhook_secret=whsec_a", "whsec_"),
        ("resend://key@/?from=nobody", "one address"),
    ],
)
def test_a_url_that_makes_no_sense_is_refused(url, words):
    context = ProviderContext("email", now=lambda: datetime.now(UTC))

    with pytest.raises(InvalidProviderUrl, match=words):
        PROVIDERS.open(url, context, Limits())


def test_secrets_stay_out_of_tracebacks():
    shown = repr(opened(f"webhook_secret={SECRET}"))

    assert "re_key" not in shown
    assert SECRET not in shown
