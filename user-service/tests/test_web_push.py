"""A push address may be a Web Push subscription, as a browser writes it."""

import json
from typing import Any

import pytest
from notification_contracts.channels import AddressKind
from user_service.application.ports import InvalidAddress
from user_service.infrastructure.addresses import address_normaliser

normalise = address_normaliser()

# RFC 8291, section 5: https://www.rfc-editor.org/rfc/rfc8291#section-5
P256DH = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
ENDPOINT = "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV"
SUBSCRIPTION = {"endpoint": ENDPOINT, "keys": {"p256dh": P256DH, "auth": AUTH}}


def changed(**fields: object) -> dict[str, Any]:
    return {**SUBSCRIPTION, **fields}


def test_it_is_kept_as_compact_json_of_what_counts() -> None:
    browsers = json.dumps(changed(expirationTime=None, more="x"), indent=2)

    kept = normalise(AddressKind.TOKEN, browsers)

    assert kept == json.dumps(SUBSCRIPTION, separators=(",", ":"))
    assert normalise(AddressKind.TOKEN, kept) == kept


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_a_push_service_on_this_machine_may_go_without_tls(host: str) -> None:
    text = json.dumps(changed(endpoint=f"http://{host}:8090/push/1"), separators=(",", ":"))

    assert normalise(AddressKind.TOKEN, text) == text


@pytest.mark.parametrize(
    ("subscription", "place"),
    [
        (changed(endpoint="http://push.example.net/1"), "endpoint"),
        (changed(endpoint="push.example.net"), "endpoint"),
        (changed(endpoint=None), "endpoint"),
        ({"keys": SUBSCRIPTION["keys"]}, "endpoint"),
        (changed(keys=None), "keys"),
        (changed(keys={"p256dh": P256DH}), "keys.auth"),
        (changed(keys={"auth": AUTH}), "keys.p256dh"),
        (changed(keys={"p256dh": P256DH[:-2], "auth": AUTH}), "keys.p256dh"),
        (changed(keys={"p256dh": P256DH, "auth": "s3cr3t!"}), "keys.auth"),
        (changed(endpoint=f"https://push.example.net/{'x' * 2000}", keys={}), "keys.p256dh"),
        (changed(endpoint=f"https://push.example.net/{'x' * 4096}"), "endpoint"),
    ],
)
def test_what_is_wrong_with_one_is_said(subscription: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidAddress, match=place) as refusal:
        normalise(AddressKind.TOKEN, json.dumps(subscription))

    assert "s3cr3t" not in str(refusal.value)


@pytest.mark.parametrize("text", ["{", "{}", '{"endpoint": "\ud800"}', "{'a': 1}", "{}{}"])
def test_what_is_no_subscription_at_all_is_refused(text: str) -> None:
    with pytest.raises(InvalidAddress, match="not a Web Push subscription"):
        normalise(AddressKind.TOKEN, text)
