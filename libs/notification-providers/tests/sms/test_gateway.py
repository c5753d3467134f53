"""Any SMS gateway, by its URL. The two of `docs/providers/sms-http.md` are among them."""

import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import httpx
import pytest
from notification_contracts.states import Reason
from notification_providers.port import (
    Accepted,
    AddressGone,
    FaultSide,
    Misconfigured,
    OutgoingMessage,
    PermanentFailure,
    Repeating,
    TransientFailure,
    UncertainFailure,
)
from notification_providers.registry import PROVIDERS
from notification_providers.sms.gateway.provider import SmsGatewayProvider
from notification_providers.urls import InvalidProviderUrl, Limits, ProviderContext

NOW = datetime(2027, 2, 1, 9, tzinfo=UTC)
URL = "sms+https://sms.example.com/send?to={to}&text={text}"
NASTY = 'a&b=c {to} {id} %26 "quoted" \\ \u20ac\n\N{GRINNING FACE}</x>\x1f'


def opened(url, answer=None):
    requests = []

    def serve(request):
        requests.append(request)
        return answer if answer is not None else httpx.Response(202)

    provider, _ = PROVIDERS.open(url, ProviderContext("sms", now=lambda: NOW), Limits())
    assert isinstance(provider, SmsGatewayProvider)
    provider.http.transport = httpx.MockTransport(serve)
    return provider, requests


def a_message(text="hello"):
    return OutgoingMessage(
        trace_id="t1",
        channel="sms",
        attempt=1,
        idempotency_key="key-1",
        address="+12025550101",
        message=text,
    )


async def sent_by(url, text="hello"):
    """Send a text, and return the request."""
    provider, requests = opened(url)
    assert await provider.send(a_message(text)) == Accepted()
    return requests[0]


async def test_fields_are_posted_as_a_form():
    request = await sent_by(f"{URL}&from=Shop+1&timeout_seconds=5")

    assert (request.method, str(request.url)) == ("POST", "https://sms.example.com/send")
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert parse_qsl(request.content.decode()) == [
        ("to", "+12025550101"),
        ("text", "hello"),
        ("from", "Shop 1"),
    ]


async def test_or_put_into_the_query():
    request = await sent_by(
        "sms+https://sms.example.com:8443/s?_method=get&to={digits}&m={text}&key={id}"
    )

    assert (request.method, request.content) == ("GET", b"")
    assert str(request.url).startswith("https://sms.example.com:8443/s?to=12025550101&")
    assert dict(request.url.params) == {"to": "12025550101", "m": "hello", "key": "key-1"}


async def test_or_into_a_json_object_whose_places_are_pointers():
    request = await sent_by(
        "sms+https://h/s?_as=json&/to/0/number={to}&/to/0/kind=mobile&/body/text={text}"
        "&from=5&flash:=true&ttl:=60&a~1b=c&/x~1y=z"
    )

    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.content) == {
        "to": [{"number": "+12025550101", "kind": "mobile"}],
        "body": {"text": "hello"},
        "from": "5",
        "flash": True,
        "ttl": 60,
        "a~1b": "c",
        "x/y": "z",
    }


async def test_no_text_gets_out_of_its_field():
    form = await sent_by(URL, NASTY)
    assert parse_qsl(form.content.decode()) == [("to", "+12025550101"), ("text", NASTY)]

    query = await sent_by(f"{URL}&_method=get", NASTY)
    assert parse_qsl(query.url.query.decode()) == [("to", "+12025550101"), ("text", NASTY)]

    in_json = await sent_by(f"{URL}&_as=json", NASTY)
    assert json.loads(in_json.content) == {"to": "+12025550101", "text": NASTY}


@pytest.mark.parametrize(
    ("before_host", "option", "name", "value"),
    [
        ("user:p%40ss@", "", "authorization", b"user:p@ss"),
        (":t0ken@", "&_auth=bearer", "authorization", "Bearer t0ken"),
        (":t0ken@", "&_header=X-Api-Key:{password}", "x-api-key", "t0ken"),
        (":t0ken@", "&_header=Authorization:AccessKey+{password}", "authorization", None),
    ],
)
async def test_each_way_to_sign_in(before_host, option, name, value):
    request = await sent_by(f"sms+https://{before_host}h/s?to={{to}}&text={{text}}{option}")

    given = request.headers[name]
    if isinstance(value, bytes):
        assert b64decode(given.removeprefix("Basic ")) == value
    else:
        assert given == (value or "AccessKey t0ken")
    assert request.url.host == "h"


async def test_credentials_may_be_fields():
    request = await sent_by(
        "sms+https://me:s%26cret@h/s?_auth=none&_method=get&u={user}&p={password}&to={to}&m={text}"
    )

    assert (request.url.params["u"], request.url.params["p"]) == ("me", "s&cret")
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (200, Accepted, {}),
        (401, Misconfigured, {}),
        (403, Misconfigured, {}),
        (429, TransientFailure, {"provider_retry_after": timedelta(seconds=5)}),
        (503, TransientFailure, {"reason": Reason.PROVIDER_UNAVAILABLE}),
        (500, UncertainFailure, {}),
        (302, PermanentFailure, {"reason": Reason.PROVIDER_REJECTED}),
        (400, PermanentFailure, {"fault": FaultSide.PROVIDER}),
    ],
)
async def test_an_answer_is_read_by_its_status(status, kind, expected):
    provider, _ = opened(URL, httpx.Response(status, text="a text with +12025550101"))

    outcome = await provider.send(a_message())

    assert type(outcome) is kind
    assert {name: getattr(outcome, name) for name in expected} == expected
    assert "2025550101" not in repr(outcome)


async def test_a_throttled_gateway_says_for_how_long():
    provider, _ = opened(URL, httpx.Response(429, headers={"Retry-After": "30"}))

    outcome = await provider.send(a_message())

    assert outcome.provider_retry_after == timedelta(seconds=30)


# https://developer.vonage.com/en/messaging/sms/guides/troubleshooting-sms
VONAGE = (
    "sms+https://KEY:SECRET@rest.nexmo.com/sms/json?_auth=none&api_key={user}&api_secret={password}"
    "&from=Shop&to={digits}&text={text}&type=unicode"
    "&_code=/messages/0/status&_id=/messages/0/message-id"
    "&_ok=0&_throttled=1&_transient=5&_misconfigured=4+8&_bad_number=6&_bad_message=3"
)


@pytest.mark.parametrize(
    ("code", "kind", "expected"),
    [
        ("0", Accepted, {"message_id": "0A1"}),
        ("1", TransientFailure, {"reason": Reason.RATE_LIMITED}),
        ("5", TransientFailure, {"reason": Reason.PROVIDER_UNAVAILABLE}),
        ("4", Misconfigured, {"detail": "the gateway answered 200, code 4"}),
        ("8", Misconfigured, {}),
        ("6", AddressGone, {"reason": Reason.INVALID_ADDRESS}),
        ("3", PermanentFailure, {"fault": FaultSide.RECIPIENT}),
        ("99", PermanentFailure, {"detail": "the gateway answered 200, code 99"}),
        (None, UncertainFailure, {"detail": "the gateway answered 200"}),
        ("+12025550101", PermanentFailure, {"detail": "the gateway answered 200"}),
    ],
)
async def test_an_answer_is_read_by_a_code_in_its_body(code, kind, expected):
    body = {"messages": [{"status": code, "message-id": "0A1"}]}
    provider, _ = opened(VONAGE, httpx.Response(200, json=body))

    outcome = await provider.send(a_message())

    assert type(outcome) is kind
    assert {name: getattr(outcome, name) for name in expected} == expected


async def test_a_list_of_codes_also_counts_beside_a_status_of_failure():
    url = f"{URL}&_code=/error&_opted_out=blocked"
    provider, _ = opened(url, httpx.Response(400, json={"error": "blocked"}))

    assert await provider.send(a_message()) == AddressGone(
        reason=Reason.OPTED_OUT, detail="the gateway answered 400, code blocked"
    )


# https://docs.sms-gate.app/integration/api
async def test_a_phone_as_a_gateway():
    request = await sent_by(
        "sms+https://USER:PASSWORD@api.sms-gate.app/3rdparty/v1/messages"
        "?_as=json&/textMessage/text={text}&/phoneNumbers/0={to}&id={id}&_id=/id"
    )

    assert json.loads(request.content) == {
        "textMessage": {"text": "hello"},
        "phoneNumbers": ["+12025550101"],
        "id": "key-1",
    }


@pytest.mark.parametrize(
    ("answer", "message_id"),
    [
        (httpx.Response(202, json={"id": 4711}), "4711"),
        (httpx.Response(202, json={"id": {}}), None),
        (httpx.Response(202, json=[]), None),
        (httpx.Response(202, text="0: Accepted for delivery"), None),
    ],
)
async def test_an_id_is_kept_if_there_is_one(answer, message_id):
    provider, _ = opened(f"{URL}&_id=/id", answer)

    assert await provider.send(a_message()) == Accepted(message_id=message_id)


async def test_a_gateway_that_knows_a_repetition_is_told_the_key():
    provider, _ = opened(f"{URL}&ref={{id}}&_idempotent=yes")
    assert provider.repeating is Repeating.IDEMPOTENT

    provider, _ = opened(URL)
    assert provider.repeating is Repeating.NEITHER


async def test_a_text_may_be_kept_in_gsm_7():
    request = await sent_by(f"{URL}&_transliterate=yes", "don\N{RIGHT SINGLE QUOTATION MARK}t")

    assert ("text", "don't") in parse_qsl(request.content.decode())


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("sms+http://sms.example.com/?to={to}&text={text}", "https"),
        ("sms+ftp://127.0.0.1/?to={to}&text={text}", "https"),
        ("sms+https:///?to={to}&text={text}", "https"),
        ("sms+https://h/{to}?text={text}&to={to}", "placeholders"),
        ("sms+https://h/?to={to}", "needs {text}"),
        ("sms+https://h/?text={text}", "needs {text}"),
        (f"{URL}&x={{nonsense}}", "no placeholder {nonsense}"),
        (f"{URL}&_colour=red", "_colour is no option"),
        (f"{URL}&_method=put", "_method"),
        (f"{URL}&_as=xml", "_as"),
        (f"{URL}&_auth=digest", "_auth"),
        (f"{URL}&_header=X-Key", "_header"),
        (f"{URL}&_header=X-Key:{{text}}", "_header"),
        (f"{URL}&_ok=0", "need _code"),
        (f"{URL}&_code=status", "JSON pointer"),
        (f"{URL}&_idempotent=yes", "needs {id}"),
        (f"{URL}&_idempotent=1", "yes or no"),
        (f"{URL}&_as=json&to=1", "no JSON object"),
        (f"{URL}&_as=json&/to/0=1", "no JSON object"),
        (f"{URL}&_as=json&flash:=yes", "no JSON object"),
    ],
)
def test_a_url_that_makes_no_sense_is_refused(url, complaint):
    with pytest.raises(InvalidProviderUrl, match=complaint):
        opened(url)


@pytest.mark.parametrize("host", ["127.0.0.1:1401", "localhost", "[::1]:80"])
async def test_http_is_for_this_machine_alone(host):
    request = await sent_by(f"sms+http://{host}/send?to={{to}}&text={{text}}")

    assert request.url.scheme == "http"


def test_it_hides_its_credentials_wherever_they_are():
    provider, _ = opened("sms+https://me:s3cret@h/?to={to}&text={text}&k=k3y&_header=X-Key:h3ader")

    assert not any(secret in repr(provider) for secret in ("s3cret", "k3y", "h3ader"))
    assert provider.name == "h"
