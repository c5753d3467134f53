from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from notification_contracts.durations import in_words
from notification_contracts.meanings import MEANINGS
from notification_contracts.states import Reason, Status
from notification_ledger.reading import NotificationRecord, TimelineEntry
from notification_publisher.application.explaining import Action, explain

NOW = datetime(2027, 1, 31, 9, tzinfo=UTC)
THEN = NOW - timedelta(minutes=3)
DUE = NOW + timedelta(minutes=5)
WAITING = {Status.SCHEDULED, Status.QUEUED, Status.VALIDATED, Status.RETRYING}


def a_record(
    status: Status, reason: str | None = None, *entries: TimelineEntry
) -> NotificationRecord:
    return NotificationRecord(
        trace_id="0197f3c0-7a1b-7c52-9f6e-2f1f6f3d8a10",
        user_id="ada",
        channel="sms",
        status=status,
        reason=reason,
        attempts=2,
        created_at=THEN,
        updated_at=THEN,
        next_attempt_at=DUE if status in {Status.SCHEDULED, Status.RETRYING} else None,
        timeline=entries,
        is_dead_letter=status is Status.FAILED,
    )


def said(
    status: Status, reason: Reason, detail: str, provider: str | None = "twilio"
) -> TimelineEntry:
    return TimelineEntry(at=THEN, status=status, reason=reason, detail=detail, provider=provider)


def test_every_status_with_every_reason_has_words_of_its_own() -> None:
    told = {
        (status, reason): explain(a_record(status, reason), NOW)
        for status, reason in product(Status, [None, *Reason])
    }

    assert len({each.sentence for each in told.values()}) == len(told)
    for (status, reason), each in told.items():
        assert (each.status, each.reason) == (status, reason)
        assert each.sentence == " ".join(
            filter(None, (each.where, each.why, each.next, each.advice))
        )
        assert "{" not in each.sentence
        assert (each.why is None) == (reason is None)
        for part in filter(None, (each.where, each.why, each.next, each.advice)):
            assert part[0].isupper()
            assert part.endswith(".")


def test_every_reason_has_a_meaning() -> None:
    assert set(MEANINGS) == set(Reason)


def test_a_reason_of_a_later_release_is_named_as_it_is() -> None:
    told = explain(a_record(Status.RETRYING, "moon_phase{0}"), NOW)

    assert told.why == "This is because of moon_phase{0}."


@pytest.mark.parametrize("status", Status)
def test_what_can_be_done_goes_by_the_status(status: Status) -> None:
    dead = (Action.REPLAY, Action.DELETE) if status is Status.FAILED else ()

    told = explain(a_record(status), NOW)

    assert told.actions == ((Action.CANCEL,) if status in WAITING else dead)


def test_a_retry_is_told_with_its_figures_and_the_providers_words() -> None:
    failed = said(Status.RETRYING, Reason.PROVIDER_UNAVAILABLE, "503 Busy")

    told = explain(a_record(Status.RETRYING, Reason.PROVIDER_UNAVAILABLE, failed), NOW)

    assert told.sentence == (
        "It is not sent yet: 2 attempts failed, the last one 3 minutes ago (08:57:00 UTC)."
        " This is because the provider could not be reached, or had a fault of its own;"
        " twilio said: “503 Busy”."
        " It is tried again in 5 minutes (09:05:00 UTC)."
        " To help it: look at the providers of sms, and wait until one works."
        " It can still be cancelled."
    )
    assert {each.name: each.value for each in told.facts} == {
        "since": "2027-01-31T08:57:00Z",
        "attempts": "2",
        "next_attempt_at": "2027-01-31T09:05:00Z",
        "channel": "sms",
        "provider": "twilio",
        "said": "503 Busy",
    }


def test_a_dead_letter_says_how_to_mend_it() -> None:
    gave_up = said(Status.FAILED, Reason.UNKNOWN_USER, "there is no such user", provider=None)
    record = replace(a_record(Status.FAILED, Reason.UNKNOWN_USER, gave_up), attempts=0)

    told = explain(record, NOW)

    assert told.where == (
        "It was not sent, and was given up 3 minutes ago (08:57:00 UTC): no provider was asked."
    )
    assert told.why == (
        "This is because there is no user with the id ada; in detail: “there is no such user”."
    )
    assert told.next == "Nothing more happens by itself; it is kept among the dead letters."
    assert told.advice == "Add the user, or correct the id; then replay it."


def test_a_replay_that_may_reach_the_user_twice_is_advised_with_a_warning() -> None:
    told = explain(a_record(Status.FAILED, Reason.AMBIGUOUS), NOW)

    assert told.advice is not None
    assert told.advice.endswith("Sent again, it may arrive twice.")


def test_what_bounced_is_told_apart_from_what_was_deleted() -> None:
    taken = TimelineEntry(at=THEN, status=Status.SENT, provider="smtp", message_id="m-1")
    record = replace(a_record(Status.FAILED, Reason.ADDRESS_GONE), is_dead_letter=False)

    bounced = explain(replace(record, timeline=(taken,)), NOW)
    deleted = explain(record, NOW)

    assert bounced.where.startswith("It was sent, but did not arrive: smtp reported so")
    assert deleted.where.startswith("It was not sent, and its dead letter was deleted")
    assert bounced.actions == deleted.actions == ()


@pytest.mark.parametrize(
    ("mode", "words"), [("captured", "it reached nobody"), ("redirected", "but redirected")]
)
def test_what_did_not_go_to_the_users_address_says_so(mode: str, words: str) -> None:
    told = explain(replace(a_record(Status.SENT), delivery_mode=mode), NOW)

    assert words in told.where


def test_what_is_overdue_goes_at_any_moment() -> None:
    record = replace(a_record(Status.RETRYING), next_attempt_at=THEN)

    assert explain(record, NOW).next == "It is tried again at any moment."


def test_another_day_is_told_with_its_date() -> None:
    record = replace(a_record(Status.SCHEDULED), next_attempt_at=NOW + timedelta(days=2))

    assert explain(record, NOW).where == (
        "It waits for its time, in 2 days (02 Feb 2027, 09:00:00 UTC)."
    )


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "less than a second"),
        (0.9, "less than a second"),
        (1, "1 second"),
        (119, "1 minute"),
        (7_200, "2 hours"),
        (90_000, "1 day"),
    ],
)
def test_durations_are_told_in_their_largest_unit(seconds: float, words: str) -> None:
    assert in_words(timedelta(seconds=seconds)) == words
