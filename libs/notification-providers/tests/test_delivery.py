import json
from datetime import UTC, datetime

import pytest
from notification_providers.delivery import DeliveryPolicy, Diverter
from notification_providers.port import Accepted, Diversion, OutgoingMessage, TransientFailure

NOW = datetime(2027, 1, 31, 9, 0, tzinfo=UTC)


def message(channel="email", address="ada@example.com"):
    return OutgoingMessage(
        trace_id="t-1",
        channel=channel,
        attempt=1,
        idempotency_key="t-1",
        address=address,
        message="hello",
    )


def route(value, *args):
    """Return to whom a message goes, and how it was diverted."""
    sent, diversion = Diverter(delivery=DeliveryPolicy.parse(value)).route(message(*args))
    return sent.address, diversion


def test_live_and_fake_divert_nothing():
    assert route("live") == ("ada@example.com", None)
    assert route("fake") == ("ada@example.com", None)


def test_capture_lets_nothing_out():
    assert route("capture")[1] is Diversion.CAPTURED


def test_redirect_sends_all_of_a_channel_to_one_address():
    value = "redirect:me@example.org, +12025550199"

    assert route(value) == ("me@example.org", Diversion.REDIRECTED)
    assert route(value, "sms", "+12025550101") == ("+12025550199", Diversion.REDIRECTED)
    assert route(value, "push", "token")[1] is Diversion.CAPTURED


def test_redirect_takes_any_channel_by_its_name():
    assert route("redirect:push=my-phone", "push", "token") == ("my-phone", Diversion.REDIRECTED)


@pytest.mark.parametrize(
    ("address", "diversion"),
    [
        ("ada@example.com", None),
        ("Ada@Example.COM", None),
        ("ada@example.com.evil.org", Diversion.CAPTURED),
        ("ada@other.org", Diversion.CAPTURED),
    ],
)
def test_allow_lets_out_what_matches_whole(address, diversion):
    assert route("allow:*@example.com,+1202555*", "email", address) == (address, diversion)


def test_allow_is_for_every_channel():
    assert route("allow:*@example.com,+1202555*", "sms", "+12025550101")[1] is None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Live",
        "lve",
        "live:ada@example.com",
        "capture:x",
        "redirect",
        "redirect:",
        "redirect:somewhere",
        "redirect:pigeon=loft",
        "allow:",
        "allow: , ",
    ],
)
def test_an_unreadable_value_is_refused(value):
    with pytest.raises(ValueError, match=r"must be|needs|takes|redirect"):
        DeliveryPolicy.parse(value)


def test_what_is_captured_is_kept(tmp_path):
    outbox = tmp_path / "outbox.jsonl"
    diverter = Diverter.of(DeliveryPolicy.parse("capture"), outbox, lambda: NOW)

    assert diverter.capture(message()) == Accepted(diversion=Diversion.CAPTURED)

    assert json.loads(outbox.read_text())["address"] == "ada@example.com"


def test_what_can_not_be_kept_is_tried_again(tmp_path):
    diverter = Diverter.of(DeliveryPolicy.parse("capture"), tmp_path, lambda: NOW)

    assert isinstance(diverter.capture(message()), TransientFailure)


def test_addresses_stay_out_of_tracebacks():
    assert "example" not in repr(DeliveryPolicy.parse("redirect:me@example.org"))
    assert "example" not in repr(DeliveryPolicy.parse("allow:*@example.org"))
