import base64
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from notification_providers.push.vapid import Standing, Vapid, public_key, read_private_key

NOW = datetime(2027, 2, 1, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())


def pem(key):
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def read(header):
    """Check a header as a push service does; return its claims."""
    scheme, _, rest = header.partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    point = base64.urlsafe_b64decode(parts["k"] + "=" * (-len(parts["k"]) % 4))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    assert scheme == "vapid"
    return jwt.decode(
        parts["t"], key, algorithms=["ES256"], options={"verify_exp": False, "verify_aud": False}
    )


def vapid():
    return Vapid(key=KEY, subject="mailto:ops@example.com")


# RFC 8292, section 2: https://www.rfc-editor.org/rfc/rfc8292#section-2
def test_it_is_signed_for_one_origin_and_for_less_than_a_day():
    claims = read(vapid().authorization("https://push.example.net", NOW))

    assert claims["aud"] == "https://push.example.net"
    assert claims["sub"] == "mailto:ops@example.com"
    assert 0 < claims["exp"] - NOW.timestamp() <= 24 * 3600


def test_each_origin_gets_a_token_of_its_own():
    signing = vapid()

    origins = ["https://a.example", "https://b.example", "https://a.example"]
    headers = [signing.authorization(origin, NOW) for origin in origins]

    assert [read(header)["aud"] for header in headers] == origins
    assert headers[0] == headers[2]


def test_a_token_is_kept_until_it_is_near_its_end():
    signing = vapid()
    first = signing.authorization("https://a.example", NOW)

    assert signing.authorization("https://a.example", NOW + timedelta(hours=10)) == first
    later = signing.authorization("https://a.example", NOW + timedelta(hours=11, minutes=30))
    assert read(later)["exp"] == (NOW + timedelta(hours=23, minutes=30)).timestamp()


def test_a_token_is_not_kept_when_the_clock_was_set_back():
    signing = vapid()
    signing.authorization("https://a.example", NOW)

    earlier = NOW - timedelta(days=2)
    assert (
        read(signing.authorization("https://a.example", earlier))["exp"]
        <= (earlier + timedelta(hours=24)).timestamp()
    )


def test_many_origins_do_not_fill_the_memory():
    signing = vapid()

    for number in range(1000):
        signing.authorization(f"https://{number}.example", NOW)

    assert len(signing._tokens) <= 256


def test_a_key_is_pem_or_32_bytes_in_base64url():
    number = KEY.private_numbers().private_value.to_bytes(32)
    raw = base64.urlsafe_b64encode(number).rstrip(b"=").decode()

    assert public_key(read_private_key(pem(KEY))) == public_key(KEY)
    assert public_key(read_private_key(raw)) == public_key(KEY)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no key",
        "AAAA",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----",
        pem(rsa.generate_private_key(65537, 2048)),
        pem(ec.generate_private_key(ec.SECP384R1())),
    ],
)
def test_another_key_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        read_private_key(text)


def test_a_key_is_not_shown():
    assert "PrivateKey" not in repr(vapid())


SERVICES = ("push.example", "*.services.example")


def test_a_service_that_never_took_a_message_is_believed_at_once():
    assert Standing(trusted=SERVICES).is_refused_itself("push.example", "e-1")


def test_one_that_took_messages_is_believed_when_it_refuses_several_in_a_row():
    standing = Standing(trusted=SERVICES)
    standing.accepted("a.services.example")

    refusals = ["e-1", "e-1", "e-1", "e-2", "e-3"]
    believed = [standing.is_refused_itself("a.services.example", each) for each in refusals]

    assert believed == [False, False, False, False, True]
    standing.accepted("a.services.example")
    assert not standing.is_refused_itself("a.services.example", "e-4")


@pytest.mark.parametrize("host", ["stranger.example", "services.example", "evil-push.example"])
def test_a_stranger_is_never_believed(host):
    standing = Standing(trusted=SERVICES)

    assert not any(standing.is_refused_itself(host, f"e-{number}") for number in range(10))
