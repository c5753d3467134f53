"""FCM's answers are those of its documents.

https://firebase.google.com/docs/cloud-messaging/error-codes, and as collected in
https://bloomberg.github.io/pushiko/fcm_responses
"""

import asyncio
import json
from datetime import timedelta
from urllib.parse import parse_qs

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from notification_contracts.states import Reason
from notification_providers.port import (
    Accepted,
    AddressGone,
    FaultSide,
    Misconfigured,
    PermanentFailure,
    TransientFailure,
    UncertainFailure,
)
from notification_providers.urls import InvalidProviderUrl

KEY = rsa.generate_private_key(65537, 2048)
TOKEN = "d3v1c3:APA91bF-token_of_one_device_that_is_long_enough"
NAME = "projects/shop/messages/0:1500415314455276%31bd1c9631bd1c96"
OK = httpx.Response(200, json={"name": NAME})


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
        reply = self.replies.pop(0) if self.replies else OK
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


@pytest.fixture
def google():
    return Google()


@pytest.fixture
def credentials(tmp_path, pem):
    def write(**more):
        fields = {
            "type": "service_account",
            "project_id": "shop",
            "client_email": "push@shop.example",
            "private_key_id": "k1d",
            "private_key": pem(KEY),
            "token_uri": "https://oauth2.test/token",
        }
        path = tmp_path / "account.json"
        path.write_text(json.dumps({**fields, **more}))
        return path

    return write


@pytest.fixture
def fcm(opened, google, credentials):
    return opened(f"fcm://?credentials={credentials()}", google)


async def test_a_message_is_posted_to_the_project(fcm, google, message, clock):
    expires_at = clock.now() + timedelta(minutes=5)

    sent = await fcm.send(message(TOKEN, expires_at=expires_at))

    assert sent == Accepted(message_id=NAME)
    assert str(google.got[0].url) == "https://fcm.googleapis.com/v1/projects/shop/messages:send"
    assert google.messages == [
        {
            "token": TOKEN,
            "notification": {"title": "Thanks", "body": "your parcel, “here”"},
            "data": {
                "trace_id": "0192d3a4-7e11-7aaa-8bbb-ccccdddd0001",
                "order": "7",
                "state": "done",
                "items": '[1,{"a":null}]',
            },
            "android": {"ttl": "300s", "notification": {"tag": "0192d3a47e117aaa8bbbccccdddd0001"}},
            "apns": {
                "headers": {
                    "apns-expiration": str(int(expires_at.timestamp())),
                    "apns-collapse-id": "0192d3a47e117aaa8bbbccccdddd0001",
                }
            },
            "webpush": {"headers": {"TTL": "300", "Topic": "0192d3a47e117aaa8bbbccccdddd0001"}},
        }
    ]


async def test_the_access_token_is_asked_for_as_google_documents_it(fcm, google, message, clock):
    await fcm.send(message(TOKEN))

    # https://developers.google.com/identity/protocols/oauth2/service-account#httprest
    [form] = google.asked
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    [assertion] = form["assertion"]
    options = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(
        assertion,
        KEY.public_key(),
        algorithms=["RS256"],
        audience="https://oauth2.test/token",
        options=options,
    )
    assert jwt.get_unverified_header(assertion)["kid"] == "k1d"
    assert claims["iss"] == "push@shop.example"
    assert claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
    assert claims["iat"] == clock.now().timestamp()
    assert claims["exp"] - claims["iat"] == 3600
    assert google.tokens == ["Bearer t-1"]


async def test_all_senders_share_one_token(fcm, google, message):
    await asyncio.gather(*(fcm.send(message(TOKEN)) for _ in range(20)))

    assert len(google.asked) == 1
    assert google.tokens == ["Bearer t-1"] * 20


async def test_a_token_is_renewed_near_its_end(fcm, google, message, clock):
    await fcm.send(message(TOKEN))
    clock.advance(minutes=50)
    await fcm.send(message(TOKEN))
    clock.advance(minutes=6)
    await fcm.send(message(TOKEN))

    assert google.tokens == ["Bearer t-1", "Bearer t-1", "Bearer t-2"]


UNAUTHENTICATED = {"error": {"code": 401, "status": "UNAUTHENTICATED", "message": "no"}}


async def test_a_token_that_is_refused_is_renewed_once_for_all(fcm, google, message):
    await fcm.send(message(TOKEN))
    google.replies = [httpx.Response(401, json=UNAUTHENTICATED) for _ in range(5)]

    sent = await asyncio.gather(*(fcm.send(message(TOKEN)) for _ in range(5)))

    assert sent == [Accepted(message_id=NAME)] * 5
    assert len(google.asked) == 2


async def test_who_is_refused_with_a_fresh_token_is_misconfigured(fcm, google, message):
    google.replies = [httpx.Response(401, json=UNAUTHENTICATED) for _ in range(2)]

    answer = await fcm.send(message(TOKEN))

    assert answer == Misconfigured(detail="FCM answered 401 UNAUTHENTICATED: no")


async def test_an_account_that_is_refused_is_misconfigured(fcm, google, message):
    refusal = {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
    google.grants = [httpx.Response(400, json=refusal)]

    assert await fcm.send(message(TOKEN)) == Misconfigured(
        detail="no access token: 400 invalid_grant: Invalid JWT Signature."
    )
    assert google.got == []
    assert await fcm.send(message(TOKEN)) == Accepted(message_id=NAME)


async def test_while_no_token_is_to_be_had_nothing_is_sent_and_one_call_fails_for_all(
    fcm, google, message
):
    google.grants = [httpx.Response(503, headers={"retry-after": "30"}) for _ in range(20)]

    answers = await asyncio.gather(*(fcm.send(message(TOKEN)) for _ in range(20)))

    expected = TransientFailure(
        reason=Reason.PROVIDER_UNAVAILABLE,
        detail="no access token: 503",
        retry_after=timedelta(seconds=30),
    )
    assert answers == [expected] * 20
    assert len(google.asked) == 1


async def test_who_fetches_the_token_may_be_cancelled_and_another_takes_over(fcm, google, message):
    tasks = [asyncio.create_task(fcm.send(message(TOKEN))) for _ in range(3)]
    while not google.asked:
        await asyncio.sleep(0)
    tasks[0].cancel()

    answers = await asyncio.gather(*tasks, return_exceptions=True)

    assert isinstance(answers[0], asyncio.CancelledError)
    assert answers[1:] == [Accepted(message_id=NAME)] * 2


def fcm_error(status, code, *details, canonical="X", **headers):
    kinds = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}]
    error = {"code": status, "message": "why", "status": canonical}
    error["details"] = [*details, *(kinds if code else [])]
    return httpx.Response(status, json={"error": error}, headers=headers)


def bad_field(name):
    violation = {"field": name, "description": "of the field"}
    return {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}


def gone(code):
    return AddressGone(reason=Reason.ADDRESS_GONE, detail=f"FCM answered {code}: why")


def permanent(reason, detail):
    return PermanentFailure(
        reason=reason, detail=f"FCM answered {detail}", fault=FaultSide.RECIPIENT
    )


def later(reason, detail, seconds=None, fault=FaultSide.PROVIDER):
    asked = None if seconds is None else timedelta(seconds=seconds)
    detail = f"FCM answered {detail}"
    return TransientFailure(reason=reason, detail=detail, retry_after=asked, fault=fault)


RETRY = {"retry-after": "90"}


@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        (fcm_error(404, "UNREGISTERED"), gone("404 UNREGISTERED")),
        (
            fcm_error(400, "INVALID_ARGUMENT"),
            permanent(Reason.INVALID_ADDRESS, "400 INVALID_ARGUMENT: why"),
        ),
        (
            fcm_error(400, "INVALID_ARGUMENT", bad_field("message.token")),
            permanent(Reason.INVALID_ADDRESS, "400 INVALID_ARGUMENT: why"),
        ),
        (
            fcm_error(400, "INVALID_ARGUMENT", bad_field("message.android.ttl")),
            permanent(Reason.PROVIDER_REJECTED, "400 INVALID_ARGUMENT: why (message.android.ttl)"),
        ),
        (
            fcm_error(400, None, bad_field("message.data[0].value"), canonical="INVALID_ARGUMENT"),
            permanent(
                Reason.PROVIDER_REJECTED, "400 INVALID_ARGUMENT: why (message.data[0].value)"
            ),
        ),
        (
            fcm_error(400, None, canonical="INVALID_ARGUMENT"),
            permanent(Reason.PROVIDER_REJECTED, "400 INVALID_ARGUMENT: why"),
        ),
        (
            fcm_error(401, "THIRD_PARTY_AUTH_ERROR"),
            later(
                Reason.PROVIDER_AUTH, "401 THIRD_PARTY_AUTH_ERROR: why", fault=FaultSide.RECIPIENT
            ),
        ),
        (
            fcm_error(403, None, canonical="PERMISSION_DENIED"),
            Misconfigured(detail="FCM answered 403 PERMISSION_DENIED: why"),
        ),
        (
            fcm_error(404, None, canonical="NOT_FOUND"),
            Misconfigured(detail="FCM answered 404 NOT_FOUND: why"),
        ),
        (
            fcm_error(429, "QUOTA_EXCEEDED", **RETRY),
            later(Reason.RATE_LIMITED, "429 QUOTA_EXCEEDED: why", 90),
        ),
        (
            fcm_error(429, "QUOTA_EXCEEDED"),
            later(Reason.RATE_LIMITED, "429 QUOTA_EXCEEDED: why", 60, FaultSide.RECIPIENT),
        ),
        (
            fcm_error(503, "UNAVAILABLE", **RETRY),
            later(Reason.PROVIDER_UNAVAILABLE, "503 UNAVAILABLE: why", 90),
        ),
        (
            fcm_error(500, "INTERNAL"),
            later(Reason.PROVIDER_UNAVAILABLE, "500 INTERNAL: why"),
        ),
        (
            httpx.Response(502, text="<!DOCTYPE html>"),
            later(Reason.PROVIDER_UNAVAILABLE, "502"),
        ),
        (httpx.Response(400, json=["no", "error"]), PermanentFailure),
        (httpx.Response(200, text="ok"), Accepted(message_id=None)),
        (httpx.ReadError("broke"), UncertainFailure(detail="no answer: ReadError: broke")),
    ],
)
async def test_what_an_answer_becomes(fcm, google, message, reply, answer):
    google.replies = [reply]

    got = await fcm.send(message(TOKEN))

    assert got == answer if not isinstance(answer, type) else isinstance(got, answer)


async def test_the_token_of_another_project_is_gone_only_if_the_project_is_surely_the_right_one(
    fcm, google, message
):
    google.replies = [fcm_error(403, "SENDER_ID_MISMATCH") for _ in range(2)]
    google.replies.insert(1, OK)

    answers = [await fcm.send(message(TOKEN)) for _ in range(3)]

    assert answers == [
        permanent(Reason.INVALID_ADDRESS, "403 SENDER_ID_MISMATCH: why"),
        Accepted(message_id=NAME),
        gone("403 SENDER_ID_MISMATCH"),
    ]


async def test_an_answer_that_repeats_the_token_is_not_quoted(fcm, google, message):
    error = {"error": {"status": "INVALID_ARGUMENT", "message": f"no token {TOKEN}"}}
    google.replies = [httpx.Response(400, json=error)]

    answer = await fcm.send(message(TOKEN))

    assert answer.detail == "FCM answered 400 INVALID_ARGUMENT"


async def test_what_is_too_large_is_not_sent(fcm, google, message):
    answer = await fcm.send(message(TOKEN, message="é" * 2048))

    assert answer.reason is Reason.MESSAGE_TOO_LONG
    assert "4096 are allowed" in answer.detail
    assert google.asked == []


async def test_a_prefix_is_no_part_of_the_token(fcm, google, message):
    await fcm.send(message(f"fcm:{TOKEN}"))

    assert google.messages[0]["token"] == TOKEN


@pytest.mark.parametrize(
    ("address", "takes"),
    [
        (TOKEN, True),
        ("fcm:" + "a" * 64, True),
        ("cRz0FID-installation-id", True),
        ("a" * 64, False),
        ("apns:a", False),
        ('{"endpoint": "https://push.example"}', False),
    ],
)
def test_it_takes_what_is_of_no_other_service(fcm, address, takes):
    assert fcm.takes(address) is takes


async def test_a_check_sends_nothing(fcm, google):
    checked = await fcm.check()

    assert checked.is_ok
    assert "shop" in checked.words
    assert json.loads(google.got[0].content)["validate_only"] is True


@pytest.mark.parametrize("where", ["grants", "replies"])
async def test_a_check_says_what_is_wrong_in_googles_words(fcm, google, where):
    refusal = {"error": "invalid_grant", "error_description": "why"}
    wrong = {
        "grants": httpx.Response(400, json=refusal),
        "replies": fcm_error(403, None, canonical="PERMISSION_DENIED"),
    }
    setattr(google, where, [wrong[where]])

    checked = await fcm.check()

    assert not checked.is_ok
    assert checked.words.endswith("why")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"type": "authorized_user"}, "no service account's key"),
        ({"private_key": "no PEM"}, "no service account's key"),
        ({"private_key": None}, "no service account's key"),
    ],
)
def test_credentials_that_are_none_are_refused(opened, credentials, more, words):
    with pytest.raises(InvalidProviderUrl, match=words):
        opened(f"fcm://?credentials={credentials(**more)}")


def test_a_key_of_another_kind_is_refused(opened, credentials, pem):
    path = credentials(private_key=pem(ec.generate_private_key(ec.SECP256R1())))

    with pytest.raises(InvalidProviderUrl, match="no service account's key"):
        opened(f"fcm://?credentials={path}")


@pytest.mark.parametrize("url", ["fcm://", "fcm://?credentials=/nowhere", "fcm://?project=a"])
def test_a_url_that_makes_no_sense_is_refused(opened, url):
    with pytest.raises(InvalidProviderUrl):
        opened(url)


def test_no_key_is_shown(fcm):
    assert "PrivateKey" not in repr(fcm)
