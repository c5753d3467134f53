"""APNs, answered by requests that are kept.

https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns
"""

import json
from datetime import timedelta
from uuid import UUID

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from notification_contracts.states import Reason
from notification_providers.port import (
    Accepted,
    AddressGone,
    Misconfigured,
    PermanentFailure,
    UncertainFailure,
)
from notification_providers.urls import InvalidProviderUrl

KEY = ec.generate_private_key(ec.SECP256R1())
DEVICE = "00fc13adff785122b4ad28809a3420982341241421348097878e577c991de8f0"


class Apple:
    """APNs: answers with `replies` in turn, and then accepts."""

    def __init__(self):
        self.got, self.replies = [], []

    def __call__(self, request):
        self.got.append(request)
        reply = self.replies.pop(0) if self.replies else httpx.Response(200)
        if isinstance(reply, Exception):
            raise reply
        reply.headers["apns-id"] = request.headers.get("apns-id", "none")
        return reply

    @property
    def tokens(self):
        return [request.headers["authorization"] for request in self.got]


def refusal(status, reason):
    return httpx.Response(status, json={"reason": reason})


@pytest.fixture
def apple():
    return Apple()


@pytest.fixture
def key_file(tmp_path, pem):
    path = tmp_path / "AuthKey.p8"
    path.write_text(pem(KEY))
    return path


@pytest.fixture
def apns(opened, apple, key_file):
    return opened(f"apns://KEY1:TEAM1@/com.example.shop?key_file={key_file}", apple)


async def test_a_message_is_posted_to_the_device(apns, apple, message, clock):
    expires_at = clock.now() + timedelta(minutes=5)

    sent = await apns.send(message(DEVICE, expires_at=expires_at))

    [request] = apple.got
    assert str(request.url) == f"https://api.push.apple.com/3/device/{DEVICE}"
    assert json.loads(request.content) == {
        "aps": {
            "alert": {"title": "Thanks", "body": "your parcel, “here”"},
            "sound": "default",
        },
        "data": {"order": 7, "state": "done", "items": [1, {"a": None}]},
        "trace_id": "0192d3a4-7e11-7aaa-8bbb-ccccdddd0001",
    }
    assert request.headers["apns-topic"] == "com.example.shop"
    assert request.headers["apns-push-type"] == "alert"
    assert request.headers["apns-priority"] == "10"
    assert request.headers["apns-expiration"] == str(int(expires_at.timestamp()))
    assert request.headers["apns-collapse-id"] == "0192d3a47e117aaa8bbbccccdddd0001"
    assert sent == Accepted(message_id=request.headers["apns-id"])


async def test_what_has_expired_is_for_now_or_never(apns, apple, message, clock):
    await apns.send(message(DEVICE, expires_at=clock.now()))

    assert apple.got[0].headers["apns-expiration"] == "0"


async def test_each_device_has_an_id_of_its_own_and_a_repetition_the_same(apns, apple, message):
    keys = ["0192d3a4-7e11-7aaa-8bbb-ccccdddd0001", "key of a", "key of b", "key of a"]
    for key in keys:
        await apns.send(message(DEVICE, idempotency_key=key))

    ids = [request.headers["apns-id"] for request in apple.got]
    assert ids[0] == keys[0]
    assert ids[1] == ids[3]
    assert len(set(ids)) == 3
    assert all(str(UUID(each)) == each for each in ids)


async def test_the_provider_token_is_signed_as_apple_documents_it(apns, apple, message, clock):
    # https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns
    await apns.send(message(DEVICE))

    scheme, _, token = apple.tokens[0].partition(" ")
    claims = jwt.decode(
        token, KEY.public_key(), algorithms=["ES256"], options={"verify_iat": False}
    )
    assert scheme == "bearer"
    assert jwt.get_unverified_header(token)["kid"] == "KEY1"
    assert claims == {"iss": "TEAM1", "iat": int(clock.now().timestamp())}


async def test_the_token_is_kept_for_longer_than_20_minutes_and_less_than_an_hour(
    apns, apple, message, clock
):
    for _ in range(6):
        await apns.send(message(DEVICE))
        clock.advance(minutes=12)

    assert len(set(apple.tokens)) == 2
    assert apple.tokens[0] == apple.tokens[4]


async def test_a_token_of_the_future_is_not_kept_when_the_clock_was_set_back(
    apns, apple, message, clock
):
    await apns.send(message(DEVICE))
    clock.advance(days=-1)
    await apns.send(message(DEVICE))

    assert apple.tokens[0] != apple.tokens[1]


async def test_an_expired_token_is_renewed_once(apns, apple, message, clock):
    await apns.send(message(DEVICE))
    clock.advance(minutes=30)
    apple.replies = [refusal(403, "ExpiredProviderToken")]

    assert isinstance(await apns.send(message(DEVICE)), Accepted)
    assert len(set(apple.tokens)) == 2


async def test_a_fresh_token_that_is_refused_is_not_renewed_for_that_is_refused_too(
    apns, apple, message
):
    apple.replies = [refusal(403, "ExpiredProviderToken")]

    answer = await apns.send(message(DEVICE))

    assert answer == Misconfigured(detail="APNs answered 403 ExpiredProviderToken")
    assert len(apple.got) == 1


async def test_a_bad_token_is_gone_once_apns_has_taken_messages(apns, apple, message):
    apple.replies = [refusal(400, "BadDeviceToken"), httpx.Response(200)]
    apple.replies.append(refusal(400, "BadDeviceToken"))

    kinds = [type(await apns.send(message(DEVICE))) for _ in range(3)]

    assert kinds == [PermanentFailure, Accepted, AddressGone]


async def test_a_connection_that_breaks_leaves_it_uncertain(apns, apple, message):
    apple.replies = [httpx.ReadError("broke")]

    assert isinstance(await apns.send(message(DEVICE)), UncertainFailure)


@pytest.mark.parametrize("address", ["apns:abc", "apns:../../x", f"apns:{DEVICE}/../a", "apns:"])
async def test_what_is_no_device_token_is_not_sent(apns, apple, message, address):
    answer = await apns.send(message(address))

    assert answer.reason is Reason.INVALID_ADDRESS
    assert apple.got == []


async def test_what_is_too_large_is_not_sent(apns, apple, message):
    answer = await apns.send(message(DEVICE, message="é" * 2048))

    assert answer.reason is Reason.MESSAGE_TOO_LONG
    assert "4096 are allowed" in answer.detail
    assert apple.got == []


@pytest.mark.parametrize(
    ("address", "takes"),
    [
        (DEVICE, True),
        (DEVICE.upper(), True),
        (f"apns:{DEVICE}", True),
        (DEVICE[:-1], False),
        (f"fcm:{DEVICE}", False),
        ("d3v1c3:APA91bF", False),
        ("{}", False),
    ],
)
def test_it_takes_device_tokens_alone(apns, address, takes):
    assert apns.takes(address) is takes


@pytest.mark.parametrize(
    ("reply", "is_ok"),
    [
        (refusal(400, "BadDeviceToken"), True),
        (refusal(400, "DeviceTokenNotForTopic"), True),
        (refusal(403, "InvalidProviderToken"), False),
        (refusal(400, "TopicDisallowed"), False),
        (httpx.ConnectError("refused"), False),
    ],
)
async def test_a_check_reaches_no_device(apns, apple, reply, is_ok):
    apple.replies = [reply]

    checked = await apns.check()

    assert checked.is_ok is is_ok
    assert str(apple.got[0].url).endswith("/3/device/" + "0" * 64)
    assert checked.words


@pytest.mark.parametrize(
    ("options", "host"),
    [
        ("", "api.push.apple.com"),
        ("&sandbox=yes", "api.sandbox.push.apple.com"),
        ("&url=https://127.0.0.1:1/", "127.0.0.1"),
    ],
)
async def test_which_server_is_asked(opened, apple, key_file, message, options, host):
    url = f"apns://KEY1:TEAM1@/com.example.shop?key_file={key_file}&sound={options}"

    await opened(url, apple).send(message(DEVICE, subject=None))

    assert apple.got[0].url.host == host
    alert = json.loads(apple.got[0].content)["aps"]
    assert alert == {"alert": {"body": "your parcel, “here”"}}


@pytest.mark.parametrize(
    "url",
    [
        "apns://?key_file=FILE",
        "apns://KEY1@/com.example.shop?key_file=FILE",
        "apns://KEY1:TEAM1@?key_file=FILE",
        "apns://KEY1:TEAM1@com.example.shop/?key_file=FILE",
        "apns://KEY1:TEAM1@/com.example.shop",
        "apns://KEY1:TEAM1@/com.example.shop?key_file=FILE&sandbox=true",
        "apns://KEY1:TEAM1@/com.example.shop?key_file=FILE&topic=a",
        "apns://KEY1:TEAM1@/com.example.shop?key_file=FILE&url=http://api.example.com",
    ],
)
def test_a_url_that_makes_no_sense_is_refused(opened, key_file, url):
    with pytest.raises(InvalidProviderUrl):
        opened(url.replace("FILE", str(key_file)))


def test_no_key_is_shown(apns):
    assert "PrivateKey" not in repr(apns)
