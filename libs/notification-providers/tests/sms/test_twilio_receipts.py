"""What Twilio calls back with, and how it signs: the examples are those of its own libraries."""

import hashlib
import hmac
from base64 import b64encode
from urllib.parse import urlencode

import pytest
from notification_contracts.address_reports import ReportKind
from notification_contracts.states import Reason
from notification_providers.port import (
    AddressReport,
    ForgedReceipt,
    Receipt,
    ReceiptRequest,
    ReceiptStatus,
    UnreadableReceipt,
)
from notification_providers.sms.twilio.receipts import TwilioReceipts, signature

URL = "https://notify.example.com/receipts/sms/twilio"
TOKEN, SHARED = "12345", "a key of the console's"
READER = TwilioReceipts(channel="sms", auth_token=TOKEN, shared_key=SHARED)


def posted(form, *, key=TOKEN, algorithm="sha1", url=URL, **headers):
    """Return a call as Twilio makes it; `headers` are added, or replace its own."""
    fields = sorted(form.items())
    text = url + "".join(name + value for name, value in fields)
    signed = b64encode(hmac.new(key.encode(), text.encode(), getattr(hashlib, algorithm)).digest())
    return ReceiptRequest(
        url=url,
        headers={"x-twilio-signature": signed.decode(), **headers},
        body=urlencode(form).encode(),
    )


def status(word, **fields):
    return {"MessageSid": "SM1", "MessageStatus": word, "To": "+12025550101", **fields}


# https://github.com/twilio/twilio-python/blob/main/tests/unit/test_request_validator.py
@pytest.mark.parametrize(
    ("form", "expected"),
    [
        (
            {
                "CallSid": ["CA1234567890ABCDE"],
                "Digits": ["1234"],
                "From": ["+14158675309"],
                "To": ["+18005551212"],
                "Caller": ["+14158675309"],
            },
            "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        ),
        (
            {"Sid": ["CA123"], "SidAccount": ["AC123"], "Digits": ["5678", "1234", "1234"]},
            "IK+Dwps556ElfBT0I3Rgjkr1wJU=",
        ),
    ],
)
def test_it_is_signed_as_twilio_signs(form, expected):
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"

    assert signature("12345", url, form) == expected


# https://www.twilio.com/docs/messaging/api/message-resource#message-status-values
@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("queued", ReceiptStatus.UNDERWAY),
        ("sent", ReceiptStatus.UNDERWAY),
        ("a word of the future", ReceiptStatus.UNDERWAY),
        ("delivered", ReceiptStatus.DELIVERED),
        ("read", ReceiptStatus.DELIVERED),
    ],
)
def test_a_status_is_read(word, expected):
    assert READER.read(posted(status(word))) == [Receipt(message_id="SM1", status=expected)]


@pytest.mark.parametrize(
    ("code", "reason", "event"),
    [
        ("30003", Reason.PROVIDER_REJECTED, ReportKind.SOFT_BOUNCE),
        ("30005", Reason.PROVIDER_REJECTED, ReportKind.SOFT_BOUNCE),
        ("30006", Reason.INVALID_ADDRESS, ReportKind.BOUNCE),
        ("30007", Reason.PROVIDER_REJECTED, None),
        ("21610", Reason.OPTED_OUT, ReportKind.OPT_OUT),
        ("", Reason.PROVIDER_REJECTED, None),
        ("9" * 5000, Reason.PROVIDER_REJECTED, None),
    ],
    ids=["off", "unknown", "landline", "filtered", "opted out", "no code", "no number"],
)
def test_a_failure_tells_what_it_knows_of_the_number(code, reason, event):
    receipt, *reports = READER.read(posted(status("undelivered", ErrorCode=code)))

    assert (receipt.message_id, receipt.status, receipt.reason) == (
        "SM1",
        ReceiptStatus.FAILED,
        reason,
    )
    assert [report.kind for report in reports] == ([event] if event else [])
    assert all(report.address == "+12025550101" for report in reports)
    assert "2025550101" not in receipt.detail


@pytest.mark.parametrize(
    ("form", "event"),
    [
        ({"Body": "STOP"}, ReportKind.OPT_OUT),
        ({"Body": " stop. "}, ReportKind.OPT_OUT),
        ({"Body": "arrêt", "OptOutType": "STOP"}, ReportKind.OPT_OUT),
        ({"Body": "Start"}, ReportKind.OPT_IN),
        ({"Body": "HELP"}, None),
        ({"Body": "stop calling me names"}, None),
        ({"Body": "thank you"}, None),
    ],
    ids=str,
)
def test_who_answers_stop_is_reported(form, event):
    call = posted({"MessageSid": "SM9", "SmsStatus": "received", "From": "+12025550101", **form})

    reports = READER.read(call)

    assert [(report.kind, report.address) for report in reports] == (
        [(event, "+12025550101")] if event else []
    )
    assert all(isinstance(report, AddressReport) for report in reports)


def test_the_newer_algorithm_is_understood_with_its_own_key():
    # https://github.com/twilio/twilio-node/blob/main/examples/WebhookSignatureValidation.md
    settings = {"x-twilio-webhooks-signature-settings": "key=CR12,algorithm=HMAC_SHA256"}

    assert READER.read(posted(status("sent"), key=SHARED, algorithm="sha256", **settings))
    for forged in (
        posted(status("sent"), key=TOKEN, algorithm="sha256", **settings),
        posted(status("sent"), key=SHARED, algorithm="sha256"),
        posted(
            status("sent"),
            key=SHARED,
            algorithm="md5",
            **{"x-twilio-webhooks-signature-settings": "key=CR12,algorithm=HMAC_MD5"},
        ),
    ):
        with pytest.raises(ForgedReceipt):
            READER.read(forged)


@pytest.mark.parametrize(
    "call",
    [
        posted(status("delivered"), key="another"),
        posted(status("delivered"), **{"x-twilio-signature": ""}),
        posted(status("delivered"), **{"x-twilio-signature": "é"}),
        ReceiptRequest(url=URL, headers={}, body=b"MessageSid=SM1&MessageStatus=delivered"),
        ReceiptRequest(
            url=f"{URL}?other", headers=posted(status("sent")).headers, body=b"MessageSid=SM1"
        ),
        ReceiptRequest(url=URL, headers=posted(status("sent")).headers, body=b"MessageSid=SM2"),
    ],
    ids=["another's", "empty", "no ASCII", "none", "another URL", "another body"],
)
def test_what_twilio_did_not_sign_is_forged(call):
    with pytest.raises(ForgedReceipt):
        READER.read(call)


def test_without_a_token_nothing_is_believed():
    reader = TwilioReceipts(channel="sms", auth_token=None)

    with pytest.raises(ForgedReceipt):
        reader.read(posted(status("delivered")))


@pytest.mark.parametrize(
    "call",
    [
        ReceiptRequest(url=URL, headers={}, body=b"\xff"),
        ReceiptRequest(url=URL, headers={}, body=b"a=1&" * 1000),
        posted({"AccountSid": "AC1"}),
        posted({"MessageStatus": "sent"}),
    ],
    ids=["not UTF-8", "too many fields", "neither", "no id"],
)
def test_what_is_no_receipt_is_said_to_be_none(call):
    with pytest.raises(UnreadableReceipt):
        READER.read(call)


def test_secrets_are_not_shown():
    assert SHARED not in repr(READER)
    assert TOKEN not in repr(READER)
