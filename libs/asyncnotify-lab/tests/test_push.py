"""What the push wires refuse, as the services do.

https://www.rfc-editor.org/rfc/rfc8030, https://www.rfc-editor.org/rfc/rfc8292,
https://firebase.google.com/docs/cloud-messaging/error-codes,
https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
"""

import base64
import time
from datetime import UTC, datetime

import jwt
import pytest
from asyncnotify_lab.wires.webpush import subscription
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KEY = ec.generate_private_key(ec.SECP256R1())
DEVICE = "ab" * 32


def provider_token(age=0, **headers):
    claims = {"iss": "TEAM", "iat": int(time.time()) - age}
    return jwt.encode(claims, KEY, algorithm="ES256", headers={"kid": "KEY", **headers})


def to_apns(http, device=DEVICE, body=b'{"aps":{"alert":"hi"}}', **headers):
    usual = {
        "authorization": f"bearer {provider_token()}",
        "apns-topic": "com.example.shop",
        "apns-push-type": "alert",
    }
    merged = {name: value for name, value in (usual | headers).items() if value is not None}
    return http.post(f"/3/device/{device}", content=body, headers=merged)


async def test_apns_takes_a_message_and_names_it(lab, http2):
    answer = await to_apns(http2)

    [arrived] = await lab.arrived(wire="apns")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["apns-id"] == arrived.id
    assert (arrived.to, arrived.text) == (DEVICE, "hi")


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"device": "ab"}, 400, "BadDeviceToken"),
        ({"authorization": None}, 403, "MissingProviderToken"),
        ({"authorization": "bearer nonsense"}, 403, "InvalidProviderToken"),
        ({"authorization": f"bearer {provider_token(age=3700)}"}, 403, "ExpiredProviderToken"),
        ({"apns-topic": None}, 400, "MissingTopic"),
        ({"apns-push-type": "loud"}, 400, "InvalidPushType"),
        ({"apns-priority": "9"}, 400, "BadPriority"),
        ({"apns-expiration": "soon"}, 400, "BadExpirationDate"),
        ({"apns-collapse-id": "a" * 65}, 400, "BadCollapseId"),
        ({"apns-id": "7"}, 400, "BadMessageId"),
        ({"body": b"{}"}, 400, "PayloadEmpty"),
        ({"body": b" " * 4097}, 413, "PayloadTooLarge"),
    ],
)
async def test_apns_refuses_with_its_reason(lab, http2, changes, status, reason):
    answer = await to_apns(http2, **changes)

    assert (answer.status_code, answer.json()) == (status, {"reason": reason})
    assert lab.messages.find() == []


async def test_apns_speaks_http2_alone(http):
    assert (await to_apns(http)).status_code == 505


async def test_fcm_knows_only_tokens_that_it_gave(http):
    headers = {"authorization": "Bearer lab.other"}

    answer = await http.post("/v1/projects/a/messages:send", json={"message": {}}, headers=headers)

    assert (answer.status_code, answer.json()["error"]["status"]) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"grant_type": "password"}, "unsupported_grant_type"),
        (
            {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "nonsense"},
            "invalid_grant",
        ),
    ],
)
async def test_fcm_gives_no_token_for_nonsense(http, form, error):
    answer = await http.post("/fcm/token", data=form)

    assert (answer.status_code, answer.json()["error"]) == (400, error)


def vapid(lab, *, hours=12, audience=None):
    exp = int(datetime.now(UTC).timestamp()) + hours * 3600
    claims = {"aud": audience or lab.http_url, "exp": exp, "sub": "mailto:a@example.com"}
    point = KEY.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    encoded = base64.urlsafe_b64encode(point).rstrip(b"=").decode()
    return f"vapid t={jwt.encode(claims, KEY, algorithm='ES256')}, k={encoded}"


def push(http, lab, body=b"no cipher", **headers):
    usual = {"authorization": vapid(lab), "ttl": "60", "content-encoding": "aes128gcm"}
    merged = {name: value for name, value in (usual | headers).items() if value is not None}
    return http.post("/webpush/anna", content=body, headers=merged)


async def test_a_browser_has_the_same_subscription_always(lab, http):
    answers = [(await http.get("/lab/webpush/anna")).json() for _ in range(2)]

    assert answers[0] == answers[1] == subscription(lab.http_url, "anna")
    assert answers[0]["keys"] != subscription(lab.http_url, "bert")["keys"]


async def test_a_push_that_the_browser_can_not_read_is_taken_and_said_to_be_so(lab, http):
    answer = await push(http, lab)

    [arrived] = await lab.arrived(wire="webpush", to="anna")
    assert answer.status_code == 201
    assert arrived.data == {"error": "it can't be decrypted"}


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"ttl": None}, 400),
        ({"topic": "a" * 33}, 400),
        ({"content-encoding": "aesgcm"}, 415),
        ({"body": b" " * 4097}, 413),
        ({"authorization": None}, 401),
        ({"authorization": "vapid t=a, k=b"}, 403),
        ({"authorization": "nonsense"}, 403),
    ],
)
async def test_a_push_service_refuses(lab, http, changes, status):
    assert (await push(http, lab, **changes)).status_code == status
    assert lab.messages.find() == []


@pytest.mark.parametrize(
    "changes", [{"hours": 25}, {"hours": -1}, {"audience": "https://a.example"}]
)
async def test_a_push_service_checks_who_it_is_from(lab, http, changes):
    answer = await push(http, lab, authorization=vapid(lab, **changes))

    assert answer.status_code == 403
