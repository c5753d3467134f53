from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from asyncnotify.checkup import Checkup
from asyncnotify.free_space import free_space

URL = "http://gateway.test"
WORKS = {
    "name": "smtp",
    "breaker": "closed",
    "reason": None,
    "paused_until": None,
}
READY = {"status": "ready", "checks": {"notification-publisher": {"status": "ok"}}}
PIPELINE = {
    "waiting": 3,
    "in_flight": 1,
    "dead": 0,
    "oldest_seconds": 2.5,
    "lanes": [],
    "channels": [{"channel": "sms", "is_paused": False, "paused_at": None}],
}


class System:
    """Answers as a gateway does; what is set to an exception gives no answer."""

    def __init__(self):
        self.providers = [WORKS]
        self.delivery = "live"
        self.at = datetime.now(UTC)
        self.answers = {
            "/health/live": (200, {"status": "ok"}),
            "/health/ready": (200, READY),
            "/session": (200, {"auth": "none", "is_signed_in": False, "key": None}),
            "/pipeline": (200, PIPELINE),
            "/notifications": (200, {"items": [], "next_cursor": None}),
            "/users": (200, {"items": [], "next_cursor": None}),
        }

    def __call__(self, request):
        path = request.url.path
        if path == "/providers" and path not in self.answers:
            channels = [{"channel": "email", "providers": self.providers}]
            return httpx.Response(200, json={"channels": channels, "delivery": self.delivery})
        answer = self.answers[path]
        if isinstance(answer, Exception):
            raise answer
        status, body = answer
        return httpx.Response(status, json=body, headers={"Date": format_datetime(self.at)})

    def look(self, url=URL, **where):
        with Checkup(url, httpx.MockTransport(self), **where) as checkup:
            return {each.name: each for each in checkup.findings()}


@pytest.fixture
def system():
    return System()


def wrong(findings):
    return {name for name, each in findings.items() if not each.is_ok}


def test_of_a_system_that_works_everything_is_found_well(system):
    findings = system.look()

    assert wrong(findings) == set()
    assert list(findings) == [
        "gateway",
        "clock",
        "key",
        "notification-publisher",
        "broker",
        "ledger",
        "users",
        "dispatcher",
        "email: smtp",
    ]


def test_without_a_gateway_nothing_else_is_asked(system):
    system.answers["/health/live"] = httpx.ConnectError("refused")

    findings = system.look()

    assert list(findings) == ["gateway"]
    assert wrong(findings) == {"gateway"}
    assert "ASYNCNOTIFY_URL" in findings["gateway"].advice


def test_what_listens_there_may_be_something_else(system):
    system.answers["/health/live"] = (200, ["hello"])

    assert wrong(system.look()) == {"gateway"}


def test_a_service_that_is_not_ready_is_named_with_its_own_reason(system):
    why = "ServiceBroken: notification-publisher: not ready: broker: QueueUnavailable: refused"
    failed = {"notification-publisher": {"status": "failed", "error": why}}
    system.answers["/health/ready"] = (503, {"code": "not_ready", "checks": failed})

    findings = system.look()

    assert wrong(findings) == {"notification-publisher"}
    assert findings["notification-publisher"].words == why


@pytest.mark.parametrize(
    "path", ["/notifications", "/users", "/providers", "/pipeline", "/health/ready"]
)
def test_one_part_that_fails_does_not_hide_the_others(system, path):
    system.answers[path] = httpx.ReadTimeout("slow")

    findings = system.look()

    assert len(wrong(findings)) == 1
    assert "clock" in findings


def test_a_clock_that_is_wrong_is_told_by_how_much(system):
    system.at += timedelta(hours=2)

    clock = system.look()["clock"]

    assert not clock.is_ok
    assert "7200 s" in clock.words.replace("7199", "7200").replace("7201", "7200")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"breaker": "open", "reason": "provider_auth"}, "refuses this system"),
        ({"breaker": "open"}, "has failed too often"),
        ({"breaker": "half_open"}, "has failed too often"),
        ({"paused_until": "2027-01-31T09:00:00Z"}, "until 2027-01-31T09:00:00Z"),
    ],
)
def test_a_provider_that_is_not_called_is_named_with_what_to_do(system, changes, words):
    system.providers = [WORKS | changes, WORKS | {"name": "spare"}]

    findings = system.look()

    assert wrong(findings) == {"email: smtp"}
    assert words in findings["email: smtp"].words
    assert findings["email: smtp"].advice


def test_it_says_when_messages_do_not_go_to_their_addresses(system):
    system.delivery = "capture"

    assert "do not all go" in system.look()["dispatcher"].words


@pytest.mark.parametrize(
    ("changes", "name", "words"),
    [
        (
            {"in_flight": 0, "oldest_seconds": 300.0},
            "broker",
            "nothing has been taken up for 300 s",
        ),
        (
            {"channels": [{"channel": "sms", "is_paused": True, "paused_at": "2027-01-31"}]},
            "channel sms",
            "is paused since 2027-01-31",
        ),
    ],
)
def test_what_keeps_messages_waiting_is_told_with_what_to_do(system, changes, name, words):
    system.answers["/pipeline"] = (200, PIPELINE | changes)

    findings = system.look()

    assert wrong(findings) == {name}
    assert words in findings[name].words
    assert findings[name].advice


def test_dead_letters_are_told_and_are_no_fault_of_the_system(system):
    system.answers["/pipeline"] = (200, PIPELINE | {"dead": 7})

    findings = system.look()

    assert wrong(findings) == set()
    assert "7 notifications" in findings["dead letters"].words
    assert "asyncnotify dlq" in findings["dead letters"].advice


def test_without_the_key_that_is_needed_nothing_is_asked_that_needs_it(system):
    system.answers["/session"] = (200, {"auth": "keys", "is_signed_in": False, "key": None})

    findings = system.look()

    assert wrong(findings) == {"key"}
    assert "ASYNCNOTIFY_KEY_FILE" in findings["key"].advice
    assert set(findings) == {"gateway", "clock", "key", "notification-publisher"}


def test_the_key_is_named_with_what_it_may_do(system):
    key = {"name": "shop", "prefix": "p1", "scopes": ["send", "read"], "kind": "test"}
    system.answers["/session"] = (200, {"auth": "keys", "is_signed_in": True, "key": key})

    words = system.look()["key"].words

    assert words.startswith("shop (p1), scopes: send, read")
    assert "reaches nobody" in words


def test_a_key_that_may_not_look_is_told_which_may(system):
    system.answers["/users"] = (403, {"code": "missing_scope", "detail": "needs read"})

    assert "`read`" in system.look()["users"].advice


def test_a_fake_does_not_pass_for_a_provider(system):
    system.providers = [WORKS | {"scheme": "fake"}]

    found = system.look()["email: smtp"]

    assert found.is_ok
    assert "sends nothing to anybody" in found.words


def test_the_disk_is_looked_at_where_the_system_is(system, monkeypatch, tmp_path):
    disk = system.look("http://localhost:8000", data_dir=tmp_path)["disk"]
    assert disk.is_ok
    assert str(tmp_path) in disk.words
    assert free_space(tmp_path).is_ok
    monkeypatch.setattr("asyncnotify.free_space.LEAST_FREE_BYTES", 1 << 70)

    full = free_space(tmp_path)

    assert not full.is_ok
    assert str(tmp_path) in full.words
    assert "--data-dir" in full.advice
