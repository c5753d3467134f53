from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from asyncnotify.checkup import Checkup

URL = "http://gateway.test"
WORKS = {
    "name": "smtp",
    "breaker": "closed",
    "reason": None,
    "paused_until": None,
}
READY = {"status": "ready", "checks": {"notification-publisher": {"status": "ok"}}}


class System:
    """Answers as a gateway does; what is set to an exception gives no answer."""

    def __init__(self):
        self.providers = [WORKS]
        self.delivery = "live"
        self.at = datetime.now(UTC)
        self.answers = {
            "/health/live": (200, {"status": "ok"}),
            "/health/ready": (200, READY),
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

    def look(self):
        with Checkup(URL, httpx.MockTransport(self)) as checkup:
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
        "notification-publisher",
        "records",
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


@pytest.mark.parametrize("path", ["/notifications", "/users", "/providers", "/health/ready"])
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
