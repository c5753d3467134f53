import json
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from notification_contracts.address_reports import ReportKind
from notification_contracts.states import Reason
from notification_dispatcher.application.ports import HealthReportsUnavailable
from notification_dispatcher.infrastructure.contacts.health_reports import HttpHealthReports
from notification_providers.port import AddressReport
from service_kit.http.client import UpstreamResponse, UpstreamUnavailable

NOW = datetime(2027, 1, 31, 9, 0, tzinfo=UTC)


@dataclass
class UserService:
    """Answers with these statuses in turn, then 200; None is no answer."""

    statuses: list[int | None] = field(default_factory=list)
    got: list[list[dict[str, str]]] = field(default_factory=list)

    async def request(self, method, path, *, query="", headers=None, body=None, **_):
        assert (method, path) == ("POST", "/address-reports")
        self.got.append(json.loads(body)["reports"])
        status = self.statuses.pop(0) if self.statuses else 200
        if status is None:
            raise UpstreamUnavailable("refused", sent=False)
        return UpstreamResponse(status, {}, b"{}")


def gone(address, **fields):
    return AddressReport(channel="push", kind=ReportKind.GONE, address=address, **fields)


@pytest.fixture
def users():
    return UserService()


@pytest.fixture
def reports(users):
    return HttpHealthReports(http=users, now=lambda: NOW)


async def test_all_is_told_at_once_with_the_providers_words(reports, users):
    died = datetime(2027, 1, 1, tzinfo=UTC)
    since = gone("t-1", reason=Reason.ADDRESS_GONE, evidence="410 Unregistered", at=died)

    await reports.report([since, gone("t-2")], provider="apns", trace_id="t")

    [[first, second]] = users.got
    assert first == {
        "channel": "push",
        "address": "t-1",
        "kind": "gone",
        "reason": "address_gone",
        "evidence": "410 Unregistered",
        "provider": "apns",
        "at": "2027-01-01T00:00:00Z",
        "trace_id": "t",
    }
    assert (second["at"], second["reason"]) == ("2027-01-31T09:00:00Z", None)


@pytest.mark.parametrize("status", [None, 404, 429, 500, 503])
async def test_without_an_answer_that_says_it_is_stored_it_is_not(reports, users, status):
    users.statuses = [status]

    with pytest.raises(HealthReportsUnavailable):
        await reports.report([gone("t-1")], provider="apns", trace_id="t")


async def test_one_that_is_refused_does_not_cost_the_others_and_is_logged(reports, users, capsys):
    users.statuses = [422, 200, 422]

    await reports.report([gone("t-1"), gone("bad")], provider="apns", trace_id="t")

    assert [[each["address"] for each in got] for got in users.got] == [
        ["t-1", "bad"],
        ["t-1"],
        ["bad"],
    ]
    logged = capsys.readouterr().out
    assert "address_report.refused" in logged
    assert "t-1" not in logged


async def test_many_are_told_a_hundred_at_a_time(reports, users):
    many = [gone(f"t-{number}") for number in range(201)]

    await reports.report(many, provider="apns", trace_id="t")

    assert [len(got) for got in users.got] == [100, 100, 1]
