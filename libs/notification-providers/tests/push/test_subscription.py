import base64
import json
from ipaddress import ip_network

import http_ece  # type: ignore[import-untyped]
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from notification_providers.guard import AddressGuard
from notification_providers.push.subscription import (
    MAX_BODY_BYTES,
    MAX_PLAINTEXT_BYTES,
    InvalidSubscription,
    read_subscription,
)
from notification_providers.push.vapid import read_private_key

# The example of RFC 8291, appendix A: https://www.rfc-editor.org/rfc/rfc8291#appendix-A
PLAINTEXT = b"When I grow up, I want to be a watermelon"
SENDER_KEY = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
RECEIVER_KEY = "q1dXpw3UpT5VOmu_cf_v6ih07Aems3njxI-JWgLcM94"
P256DH = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz"
    "AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)
ENDPOINT = "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV"


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def subscription(endpoint=ENDPOINT, p256dh=P256DH, auth=AUTH):
    return json.dumps({"endpoint": endpoint, "keys": {"p256dh": p256dh, "auth": auth}})


def test_a_message_is_encrypted_as_in_the_example_of_rfc_8291():
    to = read_subscription(subscription(), AddressGuard())

    body = to.encrypt(PLAINTEXT, key=read_private_key(SENDER_KEY), salt=decode(SALT))

    assert body == decode(BODY)


def test_each_message_has_a_key_of_its_own_and_the_browser_can_read_it():
    to, receiver = read_subscription(subscription(), AddressGuard()), read_private_key(RECEIVER_KEY)

    bodies = [to.encrypt(PLAINTEXT) for _ in range(2)]

    assert bodies[0] != bodies[1]
    for body in bodies:
        read = http_ece.decrypt(body, private_key=receiver, auth_secret=decode(AUTH))
        assert read == PLAINTEXT


def test_the_largest_payload_fills_the_largest_body():
    to = read_subscription(subscription(), AddressGuard())

    assert len(to.encrypt(b"a" * MAX_PLAINTEXT_BYTES)) == MAX_BODY_BYTES


@pytest.mark.parametrize(
    ("endpoint", "origin"),
    [
        (ENDPOINT, "https://push.example.net"),
        ("https://push.example.net:8443/a?b=c", "https://push.example.net:8443"),
        ("https://[2001:db8::1]/a", "https://[2001:db8::1]"),
    ],
)
def test_the_origin_is_scheme_host_and_port(endpoint, origin):
    assert read_subscription(subscription(endpoint), AddressGuard()).origin == origin


def test_padding_and_the_other_alphabet_are_read_too():
    text = subscription(auth=AUTH.replace("_", "/") + "==", p256dh=P256DH.replace("-", "+") + "=")

    assert read_subscription(text, AddressGuard()).auth == decode(AUTH)


OFF_CURVE = base64.urlsafe_b64encode(b"\x04" + bytes(63) + b"\x01").decode()
COMPRESSED = base64.urlsafe_b64encode(b"\x02" + decode(P256DH)[1:33]).decode()


@pytest.mark.parametrize(
    "text",
    [
        "a-token-of-fcm",
        "[]",
        "{}",
        "{" * 4096,
        '{"endpoint": "https://push.example.net/a"}',
        subscription(endpoint=7),
        subscription(endpoint=None),
        subscription(endpoint="https://"),
        subscription(endpoint="https://push.example.net:99999/"),
        subscription(endpoint="http://push.example.net/a"),
        subscription(endpoint="http://127.0.0.2/a"),
        subscription(endpoint="file:///etc/passwd"),
        subscription(p256dh=OFF_CURVE),
        subscription(p256dh=COMPRESSED),
        subscription(p256dh=None),
        subscription(p256dh="é"),
        subscription(auth="c2hvcnQ"),
        subscription(auth=["a"]),
    ],
)
def test_what_is_no_subscription_is_refused_without_a_word_of_it(text):
    with pytest.raises(InvalidSubscription) as refused:
        read_subscription(text, AddressGuard(allowed=[ip_network("127.0.0.1/32")]))

    assert "example" not in str(refused.value)


def test_http_is_for_addresses_that_are_allowed_expressly():
    guard = AddressGuard(allowed=[ip_network("127.0.0.0/8")])

    to = read_subscription(subscription("http://127.0.0.1:8080/a"), guard)

    assert to.origin == "http://127.0.0.1:8080"
    with pytest.raises(InvalidSubscription):
        read_subscription(subscription("http://localhost:8080/a"), guard)


def test_a_key_that_is_shown_holds_no_secret():
    shown = repr(read_subscription(subscription(), AddressGuard()))

    assert "JzLQ3ra" not in shown
    assert ec.SECP256R1.name not in shown
