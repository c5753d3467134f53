import pytest
from asyncnotify_prove.promises import Promise
from asyncnotify_prove.reconcile import reconcile
from asyncnotify_prove.timelines import Step


def promise(trace_id="t-1", key="k-1", expected=("sent",), **fields):
    return Promise(key=key, trace_id=trace_id, expected=frozenset(expected), **fields)


def record(status="sent", reason=None):
    return {"status": status, "reason": reason}


def told(*statuses):
    """A timeline; a status may be followed by a reason, as in `validated:lease_lost`."""
    parts = [status.partition(":") for status in statuses]
    return [
        Step(at=float(number), status=status, reason=reason or None)
        for number, (status, _, reason) in enumerate(parts)
    ]


SENT = told("queued", "validated", "sending", "sent")


def line(trace_id="t-1", message="k-1"):
    return {"trace_id": trace_id, "message": message}


def compare(promised, ended, steps, received):
    return reconcile([promised], {"t-1": ended} if ended else {}, {"t-1": steps}, received)


def test_a_notification_that_was_promised_recorded_and_received_keeps_the_promise():
    findings = compare(promise(), record(), SENT, [line()])

    assert findings.is_kept
    assert findings.by_status == {"sent": 1}


@pytest.mark.parametrize("ended", [None, record("retrying"), record("queued")])
def test_one_that_has_not_ended_is_lost(ended):
    findings = compare(promise(), ended, [], [])

    assert findings.lost == ["t-1"]
    assert not findings.is_kept


def test_a_status_of_sent_that_the_provider_denies_is_a_lie():
    findings = compare(promise(), record(), SENT, [])

    assert findings.broken == ["t-1 says sent, but the provider never got it"]


@pytest.mark.parametrize("status", ["failed", "cancelled", "expired"])
def test_another_end_of_what_the_provider_received_is_broken_unless_ambiguous(status):
    steps = told("queued", "validated", "sending", "retrying:ambiguous", status)

    lie = compare(promise(expected=[status]), record(status), steps, [line()])
    truth = compare(
        promise(expected=[f"{status}:ambiguous"]), record(status, "ambiguous"), steps, [line()]
    )

    assert lie.broken == [f"t-1 is {status}, but the provider got it"]
    assert truth.is_kept
    assert truth.in_doubt == 1


def test_a_doubt_that_nothing_explains_is_a_broken_promise():
    findings = compare(
        promise(expected=["cancelled:ambiguous"]),
        record("cancelled", "ambiguous"),
        told("queued", "cancelled"),
        [],
    )

    assert findings.broken == ["t-1 is cancelled:ambiguous, but no worker had started to send it"]


def test_another_end_than_expected_is_a_broken_promise():
    findings = compare(promise(), record("failed", "provider_rejected"), [], [])

    assert findings.broken == ["t-1 is failed:provider_rejected, not sent"]


@pytest.mark.parametrize(
    ("answer", "status", "complaint"),
    [
        (True, "sent", "t-1 was reported as cancelled, and is sent"),
        (False, "cancelled", "t-1 was past cancelling, and is cancelled"),
    ],
)
def test_an_answer_to_a_cancellation_that_was_not_true_is_a_broken_promise(
    answer, status, complaint
):
    asked = promise(expected=["sent", "cancelled"], is_cancelled=answer)
    steps, received = (SENT, [line()]) if status == "sent" else (told("queued", status), [])

    assert compare(asked, record(status), steps, received).broken == [complaint]


def test_a_duplicate_that_a_lost_lease_explains_is_reported_and_allowed():
    steps = told("queued", "validated", "sending", "validated:lease_lost", "sending", "sent")

    findings = compare(promise(), record(), steps, [line(), line()])

    assert findings.is_kept
    assert findings.duplicates_explained == {"t-1": "lease_lost"}


def test_a_duplicate_without_an_explanation_is_a_broken_promise():
    findings = compare(promise(), record(), SENT, [line(), line()])

    assert findings.broken == [
        "t-1 was sent 2 times, but started 1 times",
        "t-1 was sent 2 times, explained 0 times",
    ]


def test_one_key_that_made_two_notifications_is_a_broken_promise():
    received = [line(), line(trace_id="t-2", message="k-1")]

    findings = compare(promise(), record(), SENT, received)

    assert findings.broken == ["key k-1 made 2 notifications: ['t-1', 't-2']"]


def test_a_repeat_that_was_answered_with_another_name_is_a_broken_promise():
    findings = compare(promise(answers={"t-1", "t-3"}), record(), SENT, [line()])

    assert findings.broken == ["key k-1 made 2 notifications: ['t-1', 't-3']"]


def test_what_was_received_without_an_answer_is_counted_but_breaks_nothing():
    findings = reconcile([], {}, {}, [line()])

    assert findings.is_kept
    assert findings.received_without_answer == 1


@pytest.mark.parametrize(("doubt", "is_kept"), [("validated:lease_lost", True), (None, False)])
def test_a_failure_may_be_ambiguous_where_a_worker_died(doubt, is_kept):
    steps = [each for each in ("validated", "sending", doubt, "failed:ambiguous") if each]
    asked = promise(expected=["failed:provider_rejected"])

    findings = compare(asked, record("failed", "ambiguous"), told(*steps), [])

    assert findings.is_kept is is_kept
