"""When an address is not sent to, and until when: every rule, and that order and repetition of
reports change nothing.
"""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notification_contracts.address_reports import ReportKind
from user_service.domain.health import (
    SOFT_BOUNCES_IN_A_ROW,
    SOFT_BOUNCES_SUPPRESS_FOR,
    SUPPRESSING,
    AddressHealth,
    AddressKey,
    HealthReport,
    after_reports,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)
ADA = AddressKey(channel="email", address="ada@b.example")
LASTING = (ReportKind.BOUNCE, ReportKind.COMPLAINT, ReportKind.OPT_OUT, ReportKind.GONE)


def on_day(day: int) -> datetime:
    return AT + timedelta(days=day)


def report(
    kind: ReportKind,
    day: int = 0,
    *,
    key: AddressKey = ADA,
    trace_id: str | None = None,
    evidence: str | None = None,
) -> HealthReport:
    return HealthReport(key=key, kind=kind, at=on_day(day), trace_id=trace_id, evidence=evidence)


def health_after(*reports: HealthReport, known: AddressHealth | None = None) -> AddressHealth:
    health = known or AddressHealth()
    for each in reports:
        health = health.after(each)
    return health


def soft_bounces(*days: int) -> list[HealthReport]:
    return [report(ReportKind.SOFT_BOUNCE, day) for day in days]


def reason_of(health: AddressHealth, day: int = 100) -> ReportKind | None:
    return health.suppression.reason if health.suppression and _holds(health, day) else None


def _holds(health: AddressHealth, day: int) -> bool:
    return health.is_suppressed_at(on_day(day))


@pytest.mark.parametrize("kind", LASTING)
def test_what_is_for_good_suppresses_for_good(kind: ReportKind) -> None:
    health = health_after(report(kind, 3, evidence="550 5.1.1 no such user"))

    assert health.suppression is not None
    assert (health.suppression.reason, health.suppression.since) == (kind, on_day(3))
    assert (health.suppression.until, health.suppression.evidence) == (
        None,
        "550 5.1.1 no such user",
    )
    assert _holds(health, 10_000)


def test_soft_bounces_suppress_for_a_while_after_five_in_a_row() -> None:
    four = health_after(*soft_bounces(*range(SOFT_BOUNCES_IN_A_ROW - 1)))
    five = health_after(*soft_bounces(4), known=four)

    assert not _holds(four, 4)
    assert five.suppression is not None
    assert five.suppression.until == on_day(4) + SOFT_BOUNCES_SUPPRESS_FOR
    assert (_holds(five, 10), _holds(five, 11)) == (True, False)


def test_after_a_while_the_row_starts_at_nought() -> None:
    over = health_after(*soft_bounces(0, 1, 2, 3, 4, 20, 21, 22, 23))
    again = health_after(*soft_bounces(24), known=over)

    assert not _holds(over, 23)
    assert again.suppression is not None
    assert again.suppression.since == on_day(24)


def test_a_use_ends_the_row() -> None:
    used = report(ReportKind.USED, 4)

    health = health_after(*soft_bounces(0, 1, 2, 3), used, *soft_bounces(5, 6, 7, 8))

    assert not _holds(health, 8)


def test_a_use_that_is_told_late_leaves_what_bounced_after_it() -> None:
    late_use = report(ReportKind.USED, 0)

    health = health_after(*soft_bounces(1, 2, 3, 4), late_use, *soft_bounces(5))

    assert _holds(health, 5)


def test_a_use_does_not_end_a_suppression() -> None:
    assert _holds(health_after(report(ReportKind.BOUNCE), report(ReportKind.USED, 1)), 2)


def test_the_attempts_of_one_notification_bounce_once() -> None:
    attempts = [report(ReportKind.SOFT_BOUNCE, day, trace_id="same") for day in range(9)]

    health = health_after(*attempts, *soft_bounces(10, 11, 12))

    assert len(health.soft_bounces) == 4
    assert not _holds(health, 12)


def test_an_opt_in_ends_an_opt_out() -> None:
    health = health_after(report(ReportKind.OPT_OUT, 0), report(ReportKind.OPT_IN, 1))

    assert health.suppression is None


@pytest.mark.parametrize("kind", [kind for kind in LASTING if kind is not ReportKind.OPT_OUT])
def test_an_opt_in_ends_nothing_else(kind: ReportKind) -> None:
    opted = (report(ReportKind.OPT_OUT, 1), report(ReportKind.OPT_IN, 2))

    assert reason_of(health_after(report(kind, 0), *opted)) is kind


def test_of_opt_ins_and_opt_outs_the_last_one_counts_in_whatever_order_they_come() -> None:
    out, back, out_again = (
        report(ReportKind.OPT_OUT, 0),
        report(ReportKind.OPT_IN, 1),
        report(ReportKind.OPT_OUT, 2),
    )

    assert reason_of(health_after(back, out)) is None
    assert reason_of(health_after(out, out_again, back)) is ReportKind.OPT_OUT
    assert reason_of(health_after(out_again, back, out)) is ReportKind.OPT_OUT


@pytest.mark.parametrize(
    ("first", "then"),
    [(ReportKind.OPT_IN, ReportKind.OPT_OUT), (ReportKind.OPT_OUT, ReportKind.OPT_IN)],
)
def test_a_choice_that_is_posted_again_later_is_no_second_choice(
    first: ReportKind, then: ReportKind
) -> None:
    """A post that names no time has that of its arrival: who repeats it must change nothing."""
    chosen = health_after(report(first, 0, trace_id="post-1"), report(then, 1, trace_id="post-2"))

    assert chosen.after(report(first, 2, trace_id="post-1")) == chosen


def test_a_new_choice_counts_however_many_came_before() -> None:
    kinds = (ReportKind.OPT_OUT, ReportKind.OPT_IN) * 50
    health = health_after(
        *(report(kind, day, trace_id=f"post-{day}") for day, kind in enumerate(kinds))
    )

    assert reason_of(health) is None
    assert reason_of(health.after(report(ReportKind.OPT_OUT, 100, trace_id="x")), 101)


def test_the_weightiest_reason_is_shown_whichever_came_first() -> None:
    reports = [report(kind) for kind in LASTING]

    for first in LASTING:
        in_turn = sorted(reports, key=lambda each: each.kind is not first)
        assert reason_of(health_after(*in_turn)) is SUPPRESSING[-1]


def test_a_release_lifts_everything_and_old_reports_count_no_more() -> None:
    reports = [*(report(kind) for kind in LASTING), *soft_bounces(1, 2, 3, 4)]

    released = health_after(*reports).released(on_day(5))

    assert released.suppression is None
    assert health_after(*reports, known=released) == released
    assert not _holds(health_after(*soft_bounces(6), known=released), 6)
    assert _holds(health_after(report(ReportKind.BOUNCE, 6), known=released), 6)


def test_of_a_use_alone_nothing_is_kept() -> None:
    assert after_reports({}, [report(ReportKind.USED)]) == {}


@pytest.mark.parametrize(
    ("channel", "is_kept"), [("push", False), ("webhook", True), ("chat", True), ("email", True)]
)
def test_a_device_that_is_gone_is_not_kept_and_any_other_address_is(
    channel: str, is_kept: bool
) -> None:
    gone = report(ReportKind.GONE, key=AddressKey(channel=channel, address="a"))

    health = after_reports({}, [gone])

    assert (gone.key in health) is is_kept
    assert gone.removes_token is not is_kept


REPORTS = st.builds(
    report,
    st.sampled_from(ReportKind),
    st.integers(0, 30),
    trace_id=st.sampled_from([None, None, "one", "two"]),
)


@given(reports=st.lists(REPORTS, max_size=20), repeated=st.data())
def test_the_same_reports_again_change_nothing(
    reports: list[HealthReport], repeated: st.DataObject
) -> None:
    once = after_reports({}, reports)
    again = repeated.draw(st.lists(st.sampled_from(reports), max_size=10)) if reports else []

    health = after_reports(once, again).get(ADA, AddressHealth())

    assert health.suppressions == once.get(ADA, AddressHealth()).suppressions


@given(reports=st.lists(REPORTS, max_size=20))
def test_after_a_release_nothing_that_was_reported_before_suppresses(
    reports: list[HealthReport],
) -> None:
    known = after_reports({}, reports).get(ADA, AddressHealth())
    released = known.released(on_day(40))

    assert health_after(*reports, known=released).suppression is None
    assert released.suppression is None
