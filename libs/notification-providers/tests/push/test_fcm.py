"""FCM, answered by requests that are kept.

https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send
"""

import asyncio
import json
from datetime import timedelta

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
NAME = "projects/shop/messages/0:15%31"
FCM_ERROR = "type.googleapis.com/google.firebase.fcm.v1.FcmError"


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
    claims = jwt.decode(
        assertion,
        KEY.public_key(),
        algorithms=["RS256"],
        audience="https://oauth2.test/token",
        options={"verify_exp": False, "verify_iat": False},
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


async def test_what_fcm_refuses_is_read_by_its_codes(fcm, google, message):
    mismatch = {"error": {"details": [{"@type": FCM_ERROR, "errorCode": "SENDER_ID_MISMATCH"}]}}
    google.replies = [
        httpx.Response(403, json=mismatch),
        httpx.Response(200, json={"name": NAME}),
        httpx.Response(403, json=mismatch),
    ]

    answers = [await fcm.send(message(TOKEN)) for _ in range(3)]

    detail = "FCM answered 403 SENDER_ID_MISMATCH"
    assert answers == [
        PermanentFailure(reason=Reason.INVALID_ADDRESS, detail=detail, fault=FaultSide.RECIPIENT),
        Accepted(message_id=NAME),
        AddressGone(reason=Reason.ADDRESS_GONE, detail=detail),
    ]


async def test_a_connection_that_breaks_leaves_it_uncertain(fcm, google, message):
    google.replies = [httpx.ReadError("broke")]

    assert await fcm.send(message(TOKEN)) == UncertainFailure(detail="no answer: ReadError: broke")


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
        "replies": httpx.Response(403, json={"error": {"message": "why"}}),
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


@pytest.mark.parametrize("option", ["url", "token_uri"])
def test_no_token_goes_over_a_connection_that_is_not_encrypted(opened, credentials, option):
    with pytest.raises(InvalidProviderUrl, match=option):
        opened(f"fcm://?credentials={credentials()}&{option}=http://fcm.example.com")


def test_no_key_is_shown(fcm):
    assert "PrivateKey" not in repr(fcm)
