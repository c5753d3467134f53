"""Web Push against a push service on loopback, which decrypts what it gets."""

import base64
import json
from datetime import timedelta
from urllib.parse import quote

import http_ece  # type: ignore[import-untyped]
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
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
from notification_providers.push.vapid import base64url, public_key, read_private_key
from notification_providers.urls import InvalidProviderUrl
from testkit.stream_server import port_of, stream_server

VAPID_KEY = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
BROWSER = ec.generate_private_key(ec.SECP256R1())
AUTH = b"0123456789abcdef"
URL = f"webpush://:{VAPID_KEY}@/?subject=mailto:ops@example.com&allow=127.0.0.0/8"


class PushService:
    """Answers as it is told, and keeps what it got."""

    def __init__(self):
        self.got = []
        self.reply = "201 Created"
        self.origin = ""

    def subscription(self, path="/p/s3cret-endpoint"):
        point = BROWSER.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
        keys = {"p256dh": base64url(point), "auth": base64url(AUTH)}
        return json.dumps({"endpoint": self.origin + path, "expirationTime": None, "keys": keys})

    async def serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {k.lower(): v for k, v in (line.split(": ", 1) for line in head[1:] if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.got.append((head[0], headers, body))
        if self.reply is not None:
            status, _, rest = self.reply.partition("\n")
            extra, _, text = rest.partition("\n")
            writer.write(
                f"HTTP/1.1 {status}\r\n{extra or 'A: b'}\r\nConnection: close\r\n".encode()
            )
            writer.write(f"Content-Length: {len(text.encode())}\r\n\r\n{text}".encode())
            await writer.drain()


@pytest.fixture
async def service():
    service = PushService()
    async with stream_server(service.serve) as server:
        service.origin = f"http://127.0.0.1:{port_of(server)}"
        yield service


def decrypted(body):
    return json.loads(http_ece.decrypt(body, private_key=BROWSER, auth_secret=AUTH))


async def test_the_browser_can_read_what_was_sent(service, opened, message):
    assert await opened(URL).send(message(service.subscription())) == Accepted()

    [(line, headers, body)] = service.got
    assert line == "POST /p/s3cret-endpoint HTTP/1.1"
    assert decrypted(body) == {
        "title": "Thanks",
        "body": "your parcel, “here”",
        "data": {"order": 7, "state": "done", "items": [1, {"a": None}]},
        "trace_id": "0192d3a4-7e11-7aaa-8bbb-ccccdddd0001",
    }
    assert headers["content-encoding"] == "aes128gcm"
    # RFC 8030, sections 5.2 and 5.4: TTL is required, a topic has up to 32 characters of base64url.
    assert headers["ttl"] == "2419200"
    assert headers["topic"] == "0192d3a47e117aaa8bbbccccdddd0001"
    assert headers["authorization"].startswith("vapid t=ey")
    assert headers["authorization"].endswith(public_key(read_private_key(VAPID_KEY)))


@pytest.mark.parametrize(
    ("expires_in", "option", "ttl"),
    [(90, "", "90"), (-1, "", "0"), (90, "&ttl_seconds=60", "60"), (None, "&ttl_seconds=60", "60")],
)
async def test_it_waits_no_longer_than_it_is_worth(
    service, opened, message, clock, expires_in, option, ttl
):
    expires_at = None if expires_in is None else clock.now() + timedelta(seconds=expires_in)

    await opened(URL + option).send(message(service.subscription(), expires_at=expires_at))

    assert service.got[0][1]["ttl"] == ttl


def recipients(reason, detail, **more):
    kind = TransientFailure if more else PermanentFailure
    return kind(reason=reason, detail=detail, fault=FaultSide.RECIPIENT, **more)


NO_WAIT = {"retry_after": None}


# RFC 8030, sections 5, 7.3 and 8.4; RFC 8292, section 4.2.
@pytest.mark.parametrize(
    ("reply", "answer"),
    [
        ("200 OK", Accepted()),
        ("202 Accepted", Accepted()),
        ("404 N", AddressGone(reason=Reason.ADDRESS_GONE, detail="127.0.0.1 answered 404")),
        ("410 G", AddressGone(reason=Reason.ADDRESS_GONE, detail="127.0.0.1 answered 410")),
        ("413 L", recipients(Reason.MESSAGE_TOO_LONG, "127.0.0.1 answered 413")),
        ("400 B", recipients(Reason.PROVIDER_REJECTED, "127.0.0.1 answered 400")),
        ("302 F", recipients(Reason.PROVIDER_REJECTED, "127.0.0.1 answered 302")),
        (
            "429 T\nRetry-After: 90",
            recipients(
                Reason.RATE_LIMITED, "127.0.0.1 answered 429", retry_after=timedelta(seconds=90)
            ),
        ),
        ("503 U", recipients(Reason.PROVIDER_UNAVAILABLE, "127.0.0.1 answered 503", **NO_WAIT)),
        ("401 U", Misconfigured(detail="127.0.0.1 answered 401")),
        (
            '403 F\n\n{"reason": "BadJwtToken"}',
            Misconfigured(detail="127.0.0.1 answered 403: BadJwtToken"),
        ),
        ("403 F\n\ninvalid\n JWT", Misconfigured(detail="127.0.0.1 answered 403: invalid JWT")),
        ("403 F\n\n<html>no</html>", Misconfigured(detail="127.0.0.1 answered 403")),
        ("403 F\n\nno s3cret-endpoint", Misconfigured(detail="127.0.0.1 answered 403")),
    ],
)
async def test_what_a_known_service_answers(service, opened, message, reply, answer):
    service.reply = reply

    provider = opened(f"{URL}&trusted=127.0.0.1")
    assert await provider.send(message(service.subscription())) == answer


async def test_a_stranger_can_neither_stop_the_others_nor_be_quoted(service, opened, message):
    service.reply = "403 F\nRetry-After: 86400\ngo away"

    answer = await opened(URL).send(message(service.subscription()))

    assert answer == recipients(
        Reason.PROVIDER_AUTH, "the endpoint answered 403", retry_after=timedelta(days=1)
    )
    assert answer.provider_retry_after is None


async def test_one_subscription_of_another_key_does_not_stop_the_others(service, opened, message):
    provider = opened(f"{URL}&trusted=127.0.0.1")
    await provider.send(message(service.subscription()))

    service.reply = "403 F"
    stray = await provider.send(message(service.subscription("/p/stray")))

    assert stray == recipients(Reason.PROVIDER_AUTH, "127.0.0.1 answered 403", **NO_WAIT)


async def test_no_answer_is_uncertain_and_the_fault_of_that_endpoint(service, opened, message):
    service.reply = None

    answer = await opened(URL).send(message(service.subscription()))

    assert isinstance(answer, UncertainFailure)
    assert answer.fault is FaultSide.RECIPIENT


async def test_a_private_address_is_not_connected_to(service, opened, message):
    https = service.subscription().replace("http:", "https:")

    answer = await opened(URL.replace("&allow=127.0.0.0/8", "")).send(message(https))

    assert answer == recipients(
        Reason.INVALID_ADDRESS, "it is in a network that may not be connected to"
    )
    assert service.got == []


async def test_what_is_too_long_or_no_subscription_is_not_sent(service, opened, message):
    provider = opened(URL)

    too_long = await provider.send(message(service.subscription(), message="é" * 2000))
    no_subscription = await provider.send(message("{}"))

    assert too_long == recipients(
        Reason.MESSAGE_TOO_LONG, "the payload has 4135 bytes, and 3993 are allowed"
    )
    assert no_subscription.reason is Reason.INVALID_ADDRESS
    assert service.got == []


async def test_it_takes_subscriptions_alone(service, opened, message):
    provider = opened(URL)

    assert provider.takes(service.subscription())
    assert not provider.takes("fcm:{")
    assert not provider.takes("d" * 64)
    assert not provider.takes("a-token:of-fcm")


async def test_a_check_tells_the_public_key(opened):
    checked = await opened(URL).check()

    assert checked.is_ok
    assert public_key(read_private_key(VAPID_KEY)) in checked.words


def test_the_key_may_be_in_a_file(tmp_path, opened):
    path = tmp_path / "vapid.pem"
    path.write_bytes(
        BROWSER.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )

    provider = opened(f"webpush://?subject=mailto:ops@example.com&key_file={quote(str(path))}")

    assert public_key(provider.vapid.key) == public_key(BROWSER)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("webpush://?subject=mailto:a@b.example", "key_file must name a file"),
        ("webpush://?subject=mailto:a@b.example&key_file=/nowhere", "key_file can't be read"),
        (f"webpush://:{VAPID_KEY}@/", "subject must be"),
        (f"webpush://:{VAPID_KEY}@/?subject=ops@example.com", "subject must be"),
        ("webpush://:c2hvcnQ@/?subject=mailto:a@b.example", "private key can't be read"),
        (URL.replace("/8", "/88"), "allow must be networks"),
        (f"{URL}&ttl_seconds=2419201", "ttl_seconds must be"),
        (f"{URL}&ttl_seconds=-1", "ttl_seconds must be"),
        (f"{URL}&ttl=60", "'ttl' is no option of webpush://"),
    ],
)
def test_a_url_that_makes_no_sense_is_refused(opened, url, words):
    with pytest.raises(InvalidProviderUrl, match=words) as refused:
        opened(url)

    assert "c2hvcnQ" not in str(refused.value)
    assert base64.b64encode(b"short").decode() not in str(refused.value)
