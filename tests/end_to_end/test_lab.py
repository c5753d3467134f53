"""`make run ARGS=--lab`: real providers' code, with the lab in the providers' place."""

import signal

import httpx
import pytest
from asyncnotify.local.ports import free_port
from asyncnotify_lab.provider_urls import BOUNCE_SECRET

ADDRESS = "user_test@example.com"
NOTICE = """\
To: {return_path}
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.com

Final-Recipient: rfc822; {address}
Action: failed
Status: 5.1.1

--b--
"""
LAB_PORTS = ("LAB_HTTP_PORT", "LAB_HTTPS_PORT", "LAB_SMTP_PORT", "LAB_SMTPS_PORT")


@pytest.fixture(scope="module")
def system(tmp_path_factory, make_system):
    system = make_system(tmp_path_factory.mktemp("system"), {})
    # A provider that is set otherwise is not called.
    system.settings |= {name: str(free_port()) for name in LAB_PORTS} | {
        "RETRY_SCHEDULE": ",".join(["1s"] * 30),
        "PROVIDER_BREAKER_SECONDS": "1",
        "EMAIL_PROVIDERS": "smtp://elsewhere.invalid?from=a@example.com",
    }
    system.options = ("--lab",)
    system.start()
    yield system
    system.stop(signal.SIGTERM)


@pytest.fixture
def lab(system):
    url = f"http://127.0.0.1:{system.settings['LAB_HTTP_PORT']}"
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        yield client


def send(http, message, **fields):
    request = {"user_id": "user_test", "message": message, **fields}
    return http.post("/notifications", json=request).raise_for_status().json()["trace_id"]


def ended(http, trace_id, *statuses):
    record = http.get(f"/notifications/{trace_id}").json()
    return record if record["status"] in (statuses or {"sent", "failed"}) else None


def test_of_two_devices_a_dead_one_is_taken_from_the_user_and_the_other_gets_it(http, lab, until):
    devices = ["fcm:phone", "fcm:tablet"]
    http.put("/users/ada", json={"push": devices, "preferred_channel": "push"}).raise_for_status()
    lab.post("/lab/faults", json={"wire": "fcm", "answer": "gone", "to": "phone"})

    trace_id = send(http, "two devices", user_id="ada")

    assert until(lambda: ended(http, trace_id))["status"] == "sent"
    found = lab.get("/lab/messages", params={"wire": "fcm"}).json()["messages"]
    assert [(each["to"], each["text"]) for each in found] == [("tablet", "two devices")]
    assert until(lambda: http.get("/users/ada").json()["push"] != devices[0])
    kept = http.get("/users/ada").json()["addresses"]["push"]
    assert [each["address"] for each in kept] == ["fcm:tablet"]


def test_mails_arrive_in_the_lab_are_refused_there_and_outlive_its_death(http, lab, system, until):
    first = send(
        http,
        "your purchase was completed successfully",
        subject="Grüße 🎉",
        html="<p>Your purchase was completed.</p>",
    )
    assert until(lambda: ended(http, first))["status"] == "sent"
    [mail] = lab.get("/lab/messages", params={"to": ADDRESS}).json()["messages"]
    assert (mail["kind"], mail["text"]) == ("email", "your purchase was completed successfully\n")
    assert (mail["subject"], mail["html"]) == ("Grüße 🎉", "<p>Your purchase was completed.</p>\n")
    assert first in mail["headers"]["Message-ID"]
    assert mail["data"]["is_encrypted"] is True
    [shown] = http.get("/outbox", params={"channel": "email"}).json()["items"]
    assert (shown["trace_id"], shown["provider"], shown["html"]) == (first, "smtp", mail["html"])

    posted = http.post(
        "/receipts/smtp",
        content=NOTICE.format(return_path=mail["from"], address=ADDRESS).encode(),
        headers={"Authorization": f"Bearer {BOUNCE_SECRET}"},
    )
    assert posted.status_code == 204
    came_back = until(lambda: ended(http, first, "failed"))
    assert came_back["timeline"][-1]["reason"] == "address_gone"
    assert until(lambda: http.delete(f"/suppressions/email/{ADDRESS}").is_success)

    sms = send(http, "your code is 1234", channel="sms")
    delivered = until(lambda: ended(http, sms, "delivered", "failed"))
    assert (delivered["status"], delivered["timeline"][-1]["provider"]) == ("delivered", "twilio")

    lab.post("/lab/faults", json={"wire": "smtp", "answer": "gone", "times": 1})
    second = send(http, "refused")
    refused = until(lambda: ended(http, second))
    assert refused["status"] == "failed"
    assert "User unknown" in refused["timeline"][-1]["detail"]

    # It is suppressed once the user-service was told.
    assert until(lambda: http.delete(f"/suppressions/email/{ADDRESS}").is_success)
    system.signal("lab", signal.SIGKILL)
    trace_ids = [send(http, f"while it is dead {number}") for number in range(5)]
    assert {until(lambda each=each: ended(http, each))["status"] for each in trace_ids} == {"sent"}
    system.wait_for_line("lab is back", 60)
    mails = lab.get("/lab/messages", params={"kind": "email"}).json()["messages"]
    texts = [each["text"] for each in mails]
    assert sorted(texts[1:]) == [f"while it is dead {number}\n" for number in range(5)]
