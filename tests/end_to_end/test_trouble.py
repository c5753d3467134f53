import signal
import time

import httpx
import pytest
from testkit.patience import patient_client

pytestmark = pytest.mark.slow


def status_of(http, trace_id):
    return http.get(f"/notifications/{trace_id}").json()["status"]


def is_at_rest(system, channel):
    """Whether the dispatcher has heard that a channel is paused."""
    url = f"http://127.0.0.1:{system.settings['DISPATCHER_PORT']}/metrics"
    metrics = httpx.get(url, trust_env=False, timeout=60).text
    return f'dispatcher_channel_paused{{channel="{channel}"}} 1.0' in metrics.splitlines()


def dead_letters(http, reason):
    return http.get("/dead-letters", params={"reason": reason}).json()["items"]


def test_everything_is_still_there_after_a_stop_and_a_start(system, until):
    with patient_client(system.url) as http:
        body = {"user_id": "user_test", "message": "keep me"}
        trace_id = http.post("/notifications", json=body).json()["trace_id"]
        until(lambda: status_of(http, trace_id) == "sent")

        exit_code = system.stop(signal.SIGINT)
        system.start()

        assert exit_code == 0
        assert status_of(http, trace_id) == "sent"


def test_a_notification_waits_for_the_user_service_to_return(system, until):
    with patient_client(system.url) as http:
        system.signal("user-service", signal.SIGSTOP)
        body = {"user_id": "user_test", "message": "patience"}
        trace_id = http.post("/notifications", json=body).json()["trace_id"]
        until(lambda: http.get(f"/notifications/{trace_id}").json()["reason"])

        waiting = http.get(f"/notifications/{trace_id}").json()
        system.signal("user-service", signal.SIGCONT)

        assert (waiting["status"], waiting["reason"]) == ("queued", "contacts_unavailable")
        until(lambda: status_of(http, trace_id) == "sent")


def test_a_paused_channel_waits_whatever_is_killed_meanwhile(system, until):
    with patient_client(system.url) as http:

        def send(**fields):
            body = {"user_id": "user_test", "message": "hello", **fields}
            return http.post("/notifications", json=body).json()["trace_id"]

        def waiting():
            lanes = http.get("/pipeline").json()["lanes"]
            return sum(each["waiting"] for each in lanes if each["channel"] == "sms")

        paused = http.post("/channels/sms/pause").json()
        until(lambda: is_at_rest(system, "sms"))  # it looks every other second
        held = [send(channel="sms", priority=each) for each in ("low", "high")]
        until(lambda: all(status_of(http, each) == "validated" for each in held))
        system.signal("notification-dispatcher", signal.SIGKILL)
        after = send(channel="email")
        until(lambda: status_of(http, after) == "sent")

        assert paused["is_paused"] is True
        assert [status_of(http, each) for each in held] == ["validated"] * 2
        until(lambda: waiting() == 2)
        told = http.get(f"/notifications/{held[0]}/explain").json()
        assert "The channel sms is paused" in told["sentence"]
        assert http.get("/metrics/backlog").json()["waiting"] >= 2

        http.post("/channels/sms/resume")
        until(lambda: all(status_of(http, each) == "sent" for each in held))
        until(lambda: waiting() == 0)


def test_without_its_broker_the_gateway_says_503_and_recovers(fresh_system, outage, until):
    system = fresh_system(**outage.settings)
    body = {"user_id": "user_test", "message": "hi"}
    with patient_client(system.url) as http:
        until(lambda: http.post("/notifications", json=body).status_code == 202)
        time.sleep(outage.after_seconds)
        outage.freeze(system)
        refused = httpx.post(f"{system.url}/notifications", json=body, trust_env=False, timeout=60)
        outage.kill(system)

        accepted = until(
            lambda: (answer := http.post("/notifications", json=body)).status_code == 202 and answer
        )

        assert refused.status_code == 503
        assert refused.headers["Retry-After"]
        assert refused.json()["code"] == "queue_unavailable"
        until(lambda: status_of(http, accepted.json()["trace_id"]) == "sent")


@pytest.mark.parametrize("garbage", [b"\xff\x00 no event", b""], ids=["bytes", "nothing"])
def test_garbage_pushed_by_hand_is_kept_and_harms_nothing(system, by_hand, until, garbage):
    def kept():
        ids = [item["trace_id"] for item in dead_letters(http, "undecodable")]
        return garbage in [by_hand.dead_letter(system, trace_id) for trace_id in ids]

    with patient_client(system.url) as http:
        by_hand.push(system, garbage)
        by_hand.push(system, b'{"user_id": "user_test", "message": "by hand"}')

        until(kept)
        until(lambda: [line for line in system.received() if line["message"] == "by hand"])


def test_an_event_of_an_unknown_version_is_kept_as_it_came(system, by_hand, until):
    event = b'{"version": 2, "recipients": ["user_test"]}'
    with patient_client(system.url) as http:
        by_hand.push(system, event)

        [dead] = until(lambda: dead_letters(http, "unsupported_version"))

        assert until(lambda: by_hand.dead_letter(system, dead["trace_id"])) == event
