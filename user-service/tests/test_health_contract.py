"""What every store promises about the health of addresses, kept by each of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from notification_contracts.address_reports import ReportKind
from user_service.application.address_health import place_of
from user_service.application.ports import AddressState, SuppressionFilter
from user_service.domain.health import SOFT_BOUNCES_IN_A_ROW, AddressKey, HealthReport, Suppression
from user_service.domain.user import Address, User, UserId
from user_service.main import Users

AT = datetime(2026, 1, 1, tzinfo=UTC)
NOW = AT + timedelta(days=5)
EMAIL = AddressKey(channel="email", address="ada@b.example")
PHONE = AddressKey(channel="push", address="phone")
TABLET = AddressKey(channel="push", address="tablet")
ADA = User(
    id=UserId("ada"),
    addresses={
        "email": (Address(address=EMAIL.address, added_at=AT),),
        "push": (
            Address(address=PHONE.address, label="phone", added_at=AT),
            Address(address=TABLET.address, added_at=AT),
        ),
    },
    preferred_channel="push",
)
EVERYTHING = SuppressionFilter()


@pytest.fixture
def users(every_store: Users) -> Users:
    return every_store


def report(key: AddressKey, kind: ReportKind, day: int = 1) -> HealthReport:
    return HealthReport(
        key=key, kind=kind, at=AT + timedelta(days=day), evidence="said so", provider="smtp"
    )


async def listed(users: Users, wanted: SuppressionFilter = EVERYTHING) -> Sequence[AddressKey]:
    found = await users.suppressions(wanted, now=NOW, after=None, limit=100)
    return [each.key for each in found]


async def addresses_of(users: Users, channel: str, user_id: str = "ada") -> Sequence[Address]:
    user = await users.get(UserId(user_id))
    assert user
    return user.addresses.get(channel, ())


async def test_a_suppression_is_shown_wherever_the_address_is(users: Users) -> None:
    await users.put(ADA, at=AT)
    expected = Suppression(
        reason=ReportKind.BOUNCE,
        since=AT + timedelta(days=1),
        evidence="said so",
        provider="smtp",
    )

    states = await users.report([report(EMAIL, ReportKind.BOUNCE)], now=NOW)

    assert states == [AddressState.SUPPRESSED]
    [shown] = await addresses_of(users, "email")
    assert shown.suppression == expected
    [many] = (await users.get_many([ADA.id])).values()
    [listed_user] = await users.page(after=None, limit=1)
    assert many == listed_user == await users.get(ADA.id)
    [found] = await users.suppressions(EVERYTHING, now=NOW, after=None, limit=9)
    assert (found.key, found.suppression) == (EMAIL, expected)


async def test_an_address_is_suppressed_before_a_user_has_it_and_stays_so(users: Users) -> None:
    await users.report([report(EMAIL, ReportKind.COMPLAINT)], now=NOW)

    stored = await users.put(ADA, at=NOW)
    again = await users.put(ADA, at=NOW)

    for each in (stored, again):
        [shown] = each.user.addresses["email"]
        assert shown.suppression is not None
    await users.remove(ADA.id)
    assert await listed(users) == [EMAIL]


async def test_an_address_is_suppressed_on_its_channel_alone(users: Users) -> None:
    await users.report([report(replace(EMAIL, channel="chat"), ReportKind.BOUNCE)], now=NOW)
    await users.put(ADA, at=AT)

    [shown] = await addresses_of(users, "email")

    assert shown.suppression is None


async def test_soft_bounces_are_counted_across_calls(users: Users) -> None:
    states = [
        await users.report([report(EMAIL, ReportKind.SOFT_BOUNCE, day)], now=NOW)
        for day in range(SOFT_BOUNCES_IN_A_ROW)
    ]

    assert [state for [state] in states] == [
        *[AddressState.GOOD] * (SOFT_BOUNCES_IN_A_ROW - 1),
        AddressState.SUPPRESSED,
    ]


async def test_reports_at_once_lose_no_count(users: Users) -> None:
    bounces = [report(EMAIL, ReportKind.SOFT_BOUNCE, day) for day in range(SOFT_BOUNCES_IN_A_ROW)]

    await asyncio.gather(*(users.report([each], now=NOW) for each in bounces))

    assert await listed(users) == [EMAIL]


async def test_batches_at_once_do_not_hinder_each_other(users: Users) -> None:
    await users.put(ADA, at=AT)
    keys = [replace(EMAIL, address=f"{number}@b.example") for number in range(8)]

    async def batch(number: int) -> None:
        bounces = [report(key, ReportKind.SOFT_BOUNCE, number) for key in keys]
        used = [report(PHONE, ReportKind.USED, number), report(EMAIL, ReportKind.USED, number)]
        both = [*bounces, *used]
        await users.report(both if number % 2 else both[::-1], now=NOW)

    await asyncio.gather(*(batch(number) for number in range(SOFT_BOUNCES_IN_A_ROW)))

    assert set(await listed(users)) == set(keys)


async def test_reports_while_the_user_is_stored_do_not_hinder_each_other(users: Users) -> None:
    await users.put(ADA, at=AT)
    used = [report(TABLET, ReportKind.USED), report(PHONE, ReportKind.USED)]

    writes = [users.put(ADA, at=NOW) for _ in range(8)]
    reports = [users.report(used, now=NOW) for _ in range(8)]
    await asyncio.gather(*(each for pair in zip(writes, reports, strict=True) for each in pair))

    assert [each.last_used_at for each in await addresses_of(users, "push")] == [
        AT + timedelta(days=1)
    ] * 2


async def test_a_device_that_is_gone_is_removed_from_all_who_had_it(users: Users) -> None:
    await users.put(ADA, at=AT)
    await users.put(replace(ADA, id=UserId("eve")), at=AT)

    states = await users.report([report(PHONE, ReportKind.GONE)], now=NOW)

    assert states == [AddressState.REMOVED]
    for user_id in ("ada", "eve"):
        assert [each.address for each in await addresses_of(users, "push", user_id)] == ["tablet"]
    assert await listed(users) == []
    assert await users.report([report(PHONE, ReportKind.GONE)], now=NOW) == [AddressState.REMOVED]


async def test_a_device_that_was_added_since_stays(users: Users) -> None:
    await users.put(ADA, at=AT)

    states = await users.report([report(PHONE, ReportKind.GONE, 0)], now=NOW)

    assert states == [AddressState.GOOD]
    assert len(await addresses_of(users, "push")) == 2


async def test_who_has_lost_the_last_device_prefers_push_no_more(users: Users) -> None:
    await users.put(ADA, at=AT)
    await users.put(replace(ADA, id=UserId("eve"), preferred_channel="email"), at=AT)

    await users.report([report(PHONE, ReportKind.GONE)], now=NOW)
    one_left = (await users.get_many([ADA.id]))[ADA.id]
    await users.report([report(TABLET, ReportKind.GONE)], now=NOW)
    none_left = await users.page(after=None, limit=2)

    assert one_left.preferred_channel == "push"
    assert [each.preferred_channel for each in none_left] == [None, "email"]
    assert not any("push" in each.addresses for each in none_left)


async def test_an_address_that_is_no_device_is_suppressed_when_it_is_gone(users: Users) -> None:
    await users.put(ADA, at=AT)

    await users.report([report(EMAIL, ReportKind.GONE)], now=NOW)

    assert len(await addresses_of(users, "email")) == 1
    assert await listed(users) == [EMAIL]


async def test_the_last_use_is_kept_whichever_is_told_last(users: Users) -> None:
    await users.put(ADA, at=AT)

    states = await users.report([report(PHONE, ReportKind.USED, 3)], now=NOW)
    await users.report([report(PHONE, ReportKind.USED, 2)], now=NOW)
    await users.put(ADA, at=NOW)

    phone, tablet = await addresses_of(users, "push")
    assert states == [AddressState.GOOD]
    assert (phone.last_used_at, tablet.last_used_at) == (AT + timedelta(days=3), None)


async def test_a_released_address_is_good_again(users: Users) -> None:
    await users.put(ADA, at=AT)
    await users.report([report(EMAIL, ReportKind.BOUNCE)], now=NOW)

    released = await users.release(EMAIL, at=NOW)

    assert released
    assert await listed(users) == []
    assert await users.get(ADA.id) == ADA
    assert not await users.release(EMAIL, at=NOW)
    assert not await users.release(PHONE, at=NOW)


async def test_a_suppression_that_is_over_is_neither_listed_nor_released(users: Users) -> None:
    bounces = [report(EMAIL, ReportKind.SOFT_BOUNCE, day) for day in range(SOFT_BOUNCES_IN_A_ROW)]
    await users.report(bounces, now=NOW)
    over = AT + timedelta(days=30)

    assert await users.suppressions(EVERYTHING, now=over, after=None, limit=9) == []
    assert not await users.release(EMAIL, at=over)


async def test_suppressions_are_listed_page_by_page_the_newest_first(users: Users) -> None:
    keys = [replace(EMAIL, address=f"{number}@b.example") for number in range(6)]
    # Two at a time: of those that are equally old, none is left out between pages.
    reports = [report(key, ReportKind.BOUNCE, day // 2) for day, key in enumerate(keys)]
    await users.report(reports, now=NOW)
    seen, after = [], None

    while found := await users.suppressions(EVERYTHING, now=NOW, after=after, limit=1):
        seen += found
        after = place_of(found[-1])

    assert {each.key for each in seen} == set(keys)
    assert len(seen) == len(keys)
    assert [each.suppression.since for each in seen] == sorted(
        (each.suppression.since for each in seen), reverse=True
    )


async def test_suppressions_are_listed_by_channel_and_by_reason(users: Users) -> None:
    sms = AddressKey(channel="sms", address="+12025550100")
    await users.report([report(EMAIL, ReportKind.BOUNCE), report(sms, ReportKind.OPT_OUT)], now=NOW)

    assert await listed(users, SuppressionFilter(channel="sms")) == [sms]
    assert await listed(users, SuppressionFilter(reason=ReportKind.BOUNCE)) == [EMAIL]
    assert await listed(users, SuppressionFilter(channel="sms", reason=ReportKind.BOUNCE)) == []


async def test_nothing_is_reported_by_no_reports(users: Users) -> None:
    assert await users.report([], now=NOW) == []
