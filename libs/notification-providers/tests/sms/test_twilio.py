"""Twilio's REST API: https://www.twilio.com/docs/messaging/api/message-resource"""

from base64 import b64decode
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qs, parse_qsl

import httpx
import pytest
from notification_contracts.states import Reason
from notification_providers.port import (
    Accepted,
    AddressGone,
    AskableProvider,
    CheckableProvider,
    FaultSide,
    Misconfigured,
    NotTaken,
    OutgoingMessage,
    PermanentFailure,
    ReceiptReader,
    Repeating,
    TransientFailure,
    UncertainFailure,
)
from notification_providers.registry import PROVIDERS
from notification_providers.sms.twilio.provider import TwilioProvider
from notification_providers.urls import InvalidProviderUrl, Limits, ProviderContext

NOW = datetime(2027, 2, 1, 9, tzinfo=UTC)
SID, KEY, SERVICE = "AC" + "0" * 32, "SK" + "1" * 32, "MG" + "2" * 32
TO = "+12025550101"
URL = f"twilio://{SID}:t0ken@/+12025550100"


def opened(url=URL, answer=None, public_url=None):
    """Return a provider, and the requests that it makes; `answer` is what each is answered with."""
    requests = []

    def serve(request):
        requests.append(request)
        return answer if answer is not None else httpx.Response(201, json={"sid": "SM1"})

    provider, _ = PROVIDERS.open(
        url, ProviderContext("sms", now=lambda: NOW, public_url=public_url), Limits()
    )
    assert isinstance(provider, TwilioProvider)
    provider.http.transport = httpx.MockTransport(serve)
    return provider, requests


def a_message(text="hello", **fields):
    return OutgoingMessage(
        trace_id="t1",
        channel="sms",
        attempt=1,
        idempotency_key="t1",
        address=TO,
        message=text,
        **fields,
    )


def refusal(code, status=400, **headers):
    body = {"code": code, "message": f"The number {TO} is wrong", "more_info": "", "status": status}
    return httpx.Response(status, json=body, headers=headers)


def form_of(request):
    return dict(parse_qsl(request.content.decode(), strict_parsing=True))


async def test_a_message_is_posted_to_the_account_and_its_id_is_kept():
    provider, requests = opened()

    assert await provider.send(a_message("50% off & more: 5 €\n")) == Accepted(message_id="SM1")
    [request] = requests
    assert (request.method, str(request.url)) == (
        "POST",
        f"https://api.twilio.com/2010-04-01/Accounts/{SID}/Messages.json",
    )
    assert b64decode(request.headers["authorization"].removeprefix("Basic ")) == (
        f"{SID}:t0ken".encode()
    )
    assert form_of(request) == {"To": TO, "From": "+12025550100", "Body": "50% off & more: 5 €\n"}


async def test_a_messaging_service_and_an_api_key_are_understood():
    url = f"twilio://{KEY}:s3cret@/{SERVICE}?account={SID}&status_callback=https://x.example/r"
    provider, requests = opened(url)

    await provider.send(a_message())

    [request] = requests
    assert f"/Accounts/{SID}/" in str(request.url)
    assert b64decode(request.headers["authorization"].removeprefix("Basic ")) == (
        f"{KEY}:s3cret".encode()
    )
    form = form_of(request)
    assert (form["MessagingServiceSid"], form["StatusCallback"]) == (
        SERVICE,
        "https://x.example/r",
    )
    assert "From" not in form


async def test_twilio_is_told_to_report_where_the_gateway_is_reached_if_it_is():
    provider, requests = opened(public_url="https://notify.example.com/")

    await provider.send(a_message())

    assert form_of(requests[0])["StatusCallback"] == "https://notify.example.com/receipts/twilio"


@pytest.mark.parametrize(
    ("left", "validity"),
    [
        (timedelta(minutes=10), "600"),
        (timedelta(milliseconds=300), "1"),
        (timedelta(seconds=-5), "1"),
        (timedelta(days=2), None),
    ],
)
async def test_what_expires_is_not_held_back_for_longer(left, validity):
    provider, requests = opened()

    await provider.send(a_message(expires_at=NOW + left))

    assert form_of(requests[0]).get("ValidityPeriod") == validity


# https://www.twilio.com/docs/api/errors
@pytest.mark.parametrize(
    ("answer", "kind", "expected"),
    [
        (refusal(21211), AddressGone, {"reason": Reason.INVALID_ADDRESS}),
        (refusal(21614), AddressGone, {"reason": Reason.INVALID_ADDRESS}),
        (refusal(21610), AddressGone, {"reason": Reason.OPTED_OUT}),
        (refusal(20003, 401), Misconfigured, {}),
        (refusal(20003, 403), Misconfigured, {}),
        (refusal(21606), Misconfigured, {}),
        (
            refusal(21617),
            PermanentFailure,
            {"reason": Reason.MESSAGE_TOO_LONG, "fault": FaultSide.RECIPIENT},
        ),
        (refusal(30007), PermanentFailure, {"fault": FaultSide.RECIPIENT}),
        (
            refusal(21408),
            PermanentFailure,
            {"reason": Reason.PROVIDER_REJECTED, "fault": FaultSide.PROVIDER},
        ),
        (
            refusal(20429, 429, **{"Retry-After": "7"}),
            TransientFailure,
            {"reason": Reason.RATE_LIMITED, "provider_retry_after": timedelta(seconds=7)},
        ),
        (
            refusal(21611),
            TransientFailure,
            {"reason": Reason.RATE_LIMITED, "provider_retry_after": timedelta(seconds=5)},
        ),
        (refusal(20500, 500), UncertainFailure, {}),
        (httpx.Response(503, text="<html>"), UncertainFailure, {}),
        (httpx.Response(201, text="not JSON"), UncertainFailure, {}),
        (httpx.Response(302), PermanentFailure, {"reason": Reason.PROVIDER_REJECTED}),
    ],
    ids=lambda value: str(getattr(value, "text", ""))[:12],
)
async def test_each_error_is_told_apart_by_its_code(answer, kind, expected):
    provider, _ = opened(answer=answer)

    outcome = await provider.send(a_message())

    assert type(outcome) is kind
    assert {name: getattr(outcome, name) for name in expected} == expected
    assert "2025550101" not in repr(outcome)


async def test_its_words_are_passed_on_without_the_number():
    provider, _ = opened(answer=refusal(21211))

    outcome = await provider.send(a_message())

    assert outcome.detail == "Twilio 21211: The number … is wrong"


def listed(*messages, more=None):
    """Return Twilio's list; each message is its text, and how many seconds after NOW it came."""
    entries = [
        {
            "sid": f"SM{number}",
            "body": text,
            "direction": "outbound-api",
            "date_created": format_datetime(NOW + timedelta(seconds=seconds)),
        }
        for number, (text, seconds) in enumerate(messages)
    ]
    return httpx.Response(200, json={"messages": entries, "next_page_uri": more})


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (listed(), NotTaken()),
        (listed(("hello", 3)), Accepted(message_id="SM0")),
        (listed(("other", 3), ("hello", -1)), Accepted(message_id="SM1")),
        (listed(("hello", 3), ("hello", 9)), Accepted(message_id="SM1")),
        (listed(("hello", -60)), NotTaken()),
        (listed(("other", 3)), NotTaken()),
        (listed(("other", 3), ("other", -60), more="/next"), NotTaken()),
    ],
    ids=["none", "one", "clocks", "two", "before", "another text", "page reaches back"],
)
async def test_it_can_be_asked_what_became_of_a_message(answer, expected):
    provider, requests = opened(answer=answer)

    assert await provider.find(a_message(), since=NOW) == expected
    assert parse_qs(requests[0].url.query.decode())["To"] == [TO]


@pytest.mark.parametrize(
    "answer",
    [
        listed(("other", 3), more="/next"),
        httpx.Response(500),
        httpx.Response(200, json={"messages": [{"sid": "SM1"}]}),
        httpx.Response(200, text="<html>"),
        refusal(20003, 401),
    ],
    ids=["page is too short", "500", "no text", "no JSON", "401"],
)
async def test_what_cannot_be_told_is_not_guessed(answer):
    provider, _ = opened(answer=answer)

    assert isinstance(await provider.find(a_message(), since=NOW), UncertainFailure)


async def test_a_message_is_found_by_the_text_that_was_really_sent():
    text = "don\N{RIGHT SINGLE QUOTATION MARK}t"
    provider, requests = opened(f"{URL}?transliterate=yes")
    await provider.send(a_message(text))
    assert form_of(requests[0])["Body"] == "don't"

    provider, _ = opened(f"{URL}?transliterate=yes", listed(("don't", 1)))

    assert await provider.find(a_message(text), since=NOW) == Accepted(message_id="SM0")


@pytest.mark.parametrize(
    ("answer", "is_ok", "words"),
    [
        (httpx.Response(200, json={"status": "active"}), True, "the account is active"),
        (httpx.Response(200, json={"status": "suspended"}), False, "the account is suspended"),
        (refusal(20003, 401), False, "Twilio 20003: The number … is wrong"),
    ],
)
async def test_credentials_are_checked_by_reading_the_account(answer, is_ok, words):
    provider, requests = opened(answer=answer)

    result = await provider.check()

    assert (result.is_ok, result.words) == (is_ok, words)
    assert requests[0].url.path == f"/2010-04-01/Accounts/{SID}.json"


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("twilio://AC12:t@/+12025550100", "SID"),
        (f"twilio://{KEY}:t@/+12025550100", "account=AC"),
        (f"twilio://XX12:t@/+12025550100?account={SID}", "SID"),
        (f"twilio://{SID}@/+12025550100", "auth token"),
        (f"twilio://{SID}:t@/", "sender"),
        (f"twilio://{SID}:t@/a-very-long-name", "sender"),
        (f"{URL}?host=http://example.com", "https"),
        (f"{URL}?status_callback=receipts", "https"),
        (f"{URL}?transliterate=1", "yes or no"),
        (f"{URL}?colour=red", "'colour' is no option"),
    ],
)
def test_a_url_that_makes_no_sense_is_refused_without_quoting_it(url, complaint):
    with pytest.raises(InvalidProviderUrl, match=complaint) as refused:
        opened(url)

    assert SID not in str(refused.value)


def test_it_says_what_else_it_can_do_and_hides_its_token():
    provider, _ = opened()

    assert isinstance(provider, AskableProvider)
    assert isinstance(provider, CheckableProvider)
    assert isinstance(provider, ReceiptReader)
    assert provider.repeating is Repeating.ASKABLE
    assert "t0ken" not in repr(provider)
