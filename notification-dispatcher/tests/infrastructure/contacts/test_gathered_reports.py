import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from notification_contracts.address_reports import ReportKind
from notification_contracts.states import Reason
from notification_dispatcher.application.ports import HealthReportsUnavailable
from notification_dispatcher.infrastructure.contacts.gathered_reports import (
    MAX_BATCH,
    MAX_WAITING,
    GatheredAddressReports,
)
from notification_providers.port import AddressReport
from testkit.logs import captured_logs

NOW = datetime(2027, 1, 31, 9, 0, tzinfo=UTC)
AGES, AT_ONCE = timedelta(hours=1), timedelta(milliseconds=1)
USED = AddressReport(channel="push", kind=ReportKind.USED, address="t", at=NOW)
GONE = AddressReport(
    channel="push", kind=ReportKind.GONE, address="t", reason=Reason.ADDRESS_GONE, at=NOW
)


class Health:
    """Takes reports, or is down as often as it is told."""

    def __init__(self):
        self.posts = []
        self.down_for = 0
        self.came = asyncio.Condition()

    def now(self):
        return NOW

    async def report_all(self, reports):
        async with self.came:
            self.posts.append(reports)
            self.came.notify_all()
        if self.down_for:
            self.down_for -= 1
            raise HealthReportsUnavailable("the user-service gives no answer")

    async def until(self, posts):
        async with asyncio.timeout(30), self.came:
            await self.came.wait_for(lambda: len(self.posts) >= posts)


@pytest.fixture
def health():
    return Health()


@asynccontextmanager
async def running(reports):
    stopping = asyncio.Event()
    task = asyncio.create_task(reports.run(stopping))
    yield
    stopping.set()
    await task


def tell(reports, *learnt):
    for number, each in enumerate(learnt):
        reports.tell(each, provider="post", trace_id=f"t-{number}")


async def test_what_was_learnt_is_told_together(health):
    reports = GatheredAddressReports(health=health, every=AT_ONCE)
    tell(reports, GONE, USED)
    async with running(reports):
        await health.until(1)

    assert health.posts[0] == [(GONE, "post", "t-0"), (USED, "post", "t-1")]


async def test_an_address_that_was_used_is_told_with_the_time(health):
    reports = GatheredAddressReports(health=health, every=AT_ONCE, uses_every=AT_ONCE)
    reports.tell_used("push", "t", provider="post", trace_id="t-0")
    async with running(reports):
        await health.until(1)

    assert health.posts == [[(USED, "post", "t-0")]]


async def test_uses_wait_longer_than_what_was_learnt_and_only_the_last_one_is_told(health):
    reports = GatheredAddressReports(health=health, every=AT_ONCE, uses_every=AGES)
    async with running(reports):
        for number in range(3):
            reports.tell_used("push", "t", provider="post", trace_id=f"u-{number}")
        tell(reports, GONE)
        await health.until(1)

    assert health.posts == [[(GONE, "post", "t-0")], [(USED, "post", "u-2")]]


async def test_many_uses_do_not_wait(health):
    reports = GatheredAddressReports(health=health, every=AGES, uses_every=AGES)
    async with running(reports):
        for number in range(10 * MAX_BATCH):
            reports.tell_used("push", f"t{number}", provider="post", trace_id="t")
        await health.until(10)

    assert sum(map(len, health.posts)) == 10 * MAX_BATCH


async def test_the_latest_of_a_kind_stands_for_those_before(health):
    reports = GatheredAddressReports(health=health, every=AT_ONCE)
    later = replace(USED, at=NOW + timedelta(minutes=1))
    tell(reports, USED, later)
    async with running(reports):
        await health.until(1)

    assert health.posts == [[(later, "post", "t-1")]]


async def test_enough_of_them_are_told_at_once(health):
    reports = GatheredAddressReports(health=health, every=AGES)
    async with running(reports):
        tell(reports, *(replace(USED, address=f"t{number}") for number in range(MAX_BATCH)))
        await health.until(1)

    assert len(health.posts[0]) == MAX_BATCH


async def test_what_is_left_is_told_when_the_process_stops(health):
    reports = GatheredAddressReports(health=health, every=AGES)
    async with running(reports):
        tell(reports, GONE)

    assert health.posts == [[(GONE, "post", "t-0")]]


async def test_what_cannot_be_told_is_said_in_the_log_and_holds_nothing_up(health):
    health.down_for = 1
    reports = GatheredAddressReports(health=health, every=AT_ONCE, after_failure=AT_ONCE)
    with captured_logs() as logs:
        async with running(reports):
            tell(reports, GONE, USED)
            await health.until(1)
            tell(reports, USED)
            await health.until(2)
        lines = logs()

    [line] = [each for each in lines if each["event"] == "address_reports.not_told"]
    assert (line["lost"], line["used"], line["level"]) == (1, 1, "warning")
    assert health.posts[1] == [(USED, "post", "t-0")]


async def test_no_more_are_kept_than_fit(health):
    reports = GatheredAddressReports(health=health, every=AGES)
    many = [replace(USED, address=f"t{number}") for number in range(MAX_WAITING + 5)]
    tell(reports, *many)
    async with running(reports):
        await health.until(MAX_WAITING // MAX_BATCH)

    assert sum(map(len, health.posts)) == MAX_WAITING
