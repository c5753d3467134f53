import pytest
from asyncnotify_prove.promises import Promise
from asyncnotify_prove.timelines import Step, breaches, steps_of


def promise(**fields):
    return Promise(key="k", trace_id="t", expected=frozenset({"sent"}), **fields)


def steps(*entries):
    """Entries are `status`, `status:reason`, or `status#attempt`, a second apart."""
    read = []
    for at, entry in enumerate(entries):
        status, _, attempt = entry.partition("#")
        status, _, reason = status.partition(":")
        read.append(
            Step(
                at=float(at),
                status=status,
                reason=reason or None,
                attempt=int(attempt) if attempt else None,
            )
        )
    return read


@pytest.mark.parametrize(
    "told",
    [
        steps("queued", "validated", "sending#1", "sent#1"),
        steps("scheduled", "queued", "validated", "sending#1", "retrying#1", "sending#2", "sent#2"),
        steps("queued", "queued:lease_lost", "validated", "sending#1", "sent#1"),
        steps("queued", "validated", "sending#1", "validated:lease_lost", "sending#1", "sent#1"),
        steps("queued", "validated", "sending#1", "validated:lease_lost", "cancelled:ambiguous"),
        steps("queued", "validated", "validated:rate_limited", "sending#1", "sent#1"),
        steps("queued", "validated", "sending#1", "sent#1", "delivered"),
    ],
)
def test_what_may_happen_is_no_breach(told):
    assert list(breaches(promise(), told, copies=1)) == []


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        (steps("queued", "validated", "sending", "sent", "sent"), "had ended as sent, and then"),
        (steps("queued", "validated", "sending", "failed", "queued"), "had ended as failed"),
        (steps("queued", "validated", "sending", "sending", "sent"), "was started while it was"),
        (
            steps("queued", "validated", "sending", "validated:lease_lost", "sent"),
            "was sent while it was validated: a late verdict counted",
        ),
        (
            steps("queued", "validated", "sending#1", "validated:lease_lost", "retrying#1"),
            "failed an attempt while it was validated",
        ),
        (steps("queued", "validated", "sending", "cancelled"), "was cancelled while it was being"),
        (
            steps("queued", "validated", "sending#1", "validated:lease_lost", "sending#2", "sent"),
            "was at attempt 2 after 0 had failed",
        ),
    ],
)
def test_what_can_not_be_is_a_breach(told, complaint):
    found = list(breaches(promise(), told, copies=1))

    assert len(found) == 1
    assert complaint in found[0]


def test_a_start_before_it_was_due_or_after_it_had_expired_is_a_breach():
    told = steps("queued", "validated", "sending", "sent")

    assert list(breaches(promise(due_at=3.5), told, copies=1)) == [
        "was started 1.50 s before it was due"
    ]
    assert list(breaches(promise(expires_at=1.5), told, copies=1)) == [
        "was started 0.50 s after it had expired"
    ]
    assert list(breaches(promise(due_at=1.5, expires_at=2.5), told, copies=1)) == []
    assert list(breaches(promise(due_at=2.02, expires_at=1.98), told, copies=1)) == []


def test_a_second_copy_is_a_breach_on_a_channel_that_holds():
    told = steps("queued", "validated", "sending", "validated:lease_lost", "sending", "sent")

    assert list(breaches(promise(), told, copies=2)) == []
    assert len(list(breaches(promise(is_held=True), told, copies=2))) == 1


@pytest.mark.parametrize("at", ["11:00:02+00:00", "12:00:02+00:00", "10:00:02+00:00"])
def test_an_hour_by_which_the_brokers_clock_was_off_is_taken_back(at):
    record = {"timeline": [{"at": f"2027-01-31T{at}", "status": "queued"}]}
    began = 1801393200.0  # 2027-01-31T11:00:00Z

    assert steps_of(record, began) == [Step(at=began + 2, status="queued")]


def test_only_a_provider_that_can_be_asked_explains_what_was_sent_without_a_start():
    asked = steps("queued", "validated", "sending#1", "retrying:ambiguous#1", "sent#2")
    later = steps(
        "queued",
        "validated",
        "sending#1",
        "retrying:ambiguous#1",
        "retrying:rate_limited",
        "sent#2",
    )
    broken = steps("queued", "validated", "sending#1", "retrying#1", "sent#2")

    assert list(breaches(promise(is_askable=True), asked, copies=1)) == []
    assert list(breaches(promise(is_askable=True), later, copies=1)) == []
    assert list(breaches(promise(), asked, copies=1))
    assert list(breaches(promise(is_askable=True), broken, copies=1))
