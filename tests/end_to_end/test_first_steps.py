import subprocess

import pytest
from testkit.patience import patient_client

BODY = '{"user_id":"user_test","message": "your purchase was completed successfully"}'


def settled(http, trace_id):
    notification = http.get(f"/notifications/{trace_id}").json()
    return notification if notification["status"] in {"sent", "failed"} else None


def sent_at_last(http, trace_id):
    notification = http.get(f"/notifications/{trace_id}").json()
    return notification if notification["status"] == "sent" else None


def test_the_first_request_that_anyone_tries_is_sent(system, http, until):
    command = ["curl", "-sS", "-i", "-X", "POST", "-d", BODY, f"{system.url}/notifications"]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    head, _, _ = answer.partition("\r\n\r\n")
    location = next(
        line.split(": ", 1)[1] for line in head.splitlines() if line.lower().startswith("location")
    )
    trace_id = location.rsplit("/", 1)[1]

    notification = until(lambda: settled(http, trace_id))

    assert head.startswith("HTTP/1.1 202")
    assert notification["status"] == "sent"
    assert notification["attempts"] == 1
    assert [entry["status"] for entry in notification["timeline"]] == [
        "queued",
        "validated",
        "sending",
        "sent",
    ]
    line = next(line for line in system.received() if line["trace_id"] == trace_id)
    assert line["channel"] == "email"
    assert line["message"] == "your purchase was completed successfully"
    assert set(line) == {"trace_id", "channel", "address", "message", "subject", "at"}


@pytest.mark.parametrize("channel", ["email", "sms", "push"])
def test_a_notification_goes_to_the_users_address_on_the_channel_asked_for(
    system, http, until, channel
):
    contact = http.get("/users/user_test/contact-info").json()
    body = {"user_id": "user_test", "message": f"by {channel}", "channel": channel}

    trace_id = http.post("/notifications", json=body).json()["trace_id"]

    assert until(lambda: settled(http, trace_id))["channel"] == channel
    line = next(line for line in system.received() if line["trace_id"] == trace_id)
    assert (line["channel"], line["address"]) == (channel, contact[channel])


def test_a_users_preferred_channel_is_honoured(system, http, until):
    contact = {"email": "ada@example.com", "sms": "+442071838750", "preferred_channel": "sms"}
    assert http.put("/users/ada", json=contact).status_code == 201

    trace_id = http.post("/notifications", json={"user_id": "ada", "message": "hi"}).json()[
        "trace_id"
    ]

    assert until(lambda: settled(http, trace_id))["channel"] == "sms"


def test_the_trace_id_is_in_the_log_of_every_service_that_had_the_notification(system, http, until):
    trace_id = http.post(
        "/notifications", json={"user_id": "123", "message": "secret words"}
    ).json()["trace_id"]
    until(lambda: settled(http, trace_id))

    until(
        lambda: (
            {
                name
                for name in ("gateway", "notification-publisher", "notification-dispatcher")
                if any(trace_id in line and f'"{name}"' in line for line in system.output)
            }
            == {"gateway", "notification-publisher", "notification-dispatcher"}
        )
    )

    address = http.get("/users/123/contact-info").json()["email"]
    assert not any("secret words" in line or address in line for line in system.output)


def test_an_unknown_user_ends_as_failed_with_a_reason(http, until):
    answer = http.post("/notifications", json={"user_id": "nobody-at-all", "message": "hi"})

    notification = until(lambda: settled(http, answer.json()["trace_id"]))

    assert answer.status_code == 202
    assert (notification["status"], notification["reason"]) == ("failed", "unknown_user")
    dead = http.get("/dead-letters", params={"reason": "unknown_user"}).json()["items"]
    assert notification["trace_id"] in {item["trace_id"] for item in dead}


def test_a_user_without_an_address_on_the_channel_ends_as_failed(http, until):
    http.put("/users/mail-only", json={"email": "mail.only@example.com"})
    body = {"user_id": "mail-only", "message": "hi", "channel": "push"}

    trace_id = http.post("/notifications", json=body).json()["trace_id"]

    assert until(lambda: settled(http, trace_id))["reason"] == "no_address"


@pytest.mark.parametrize("user_id", ["a/b", "a?b", "..", ".", "a%2fb", "x/contact-info", "ü#1"])
def test_a_user_id_never_reaches_another_path(http, until, user_id):
    body = {"user_id": user_id, "message": "hi"}

    trace_id = http.post("/notifications", json=body).json()["trace_id"]

    assert until(lambda: settled(http, trace_id))["reason"] == "unknown_user"


def test_what_is_sent_with_a_test_key_is_captured_also_when_it_is_replayed(system, http, until):
    publisher = f"http://127.0.0.1:{system.settings['PUBLISHER_PORT']}"
    key = {"X-Key-Id": "k1", "X-Key-Kind": "test"}  # as the gateway says it
    body = {"user_id": f"tester-{system.namespace}", "message": "hi", "channel": "sms"}
    with patient_client(publisher) as inside:
        sent = inside.post("/notifications", json=body, headers=key)
    trace_id = sent.json()["trace_id"]
    failed = until(lambda: settled(http, trace_id))
    http.put(f"/users/{body['user_id']}", json={"sms": "+15005550001"})

    replayed = http.post(f"/dead-letters/{trace_id}/replay", headers={"X-Key-Kind": "live"})
    notification = until(lambda: sent_at_last(http, trace_id))

    assert replayed.status_code == 202
    assert (failed["reason"], failed["is_test"]) == ("unknown_user", True)
    assert (notification["status"], notification["is_test"]) == ("sent", True)
    assert notification["delivery_mode"] == "captured"
    assert notification["timeline"][-1]["provider"] == "capture"
