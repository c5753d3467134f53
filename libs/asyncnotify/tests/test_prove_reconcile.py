import pytest
from asyncnotify.prove.reconcile import Promise, reconcile


def promise(trace_id="t-1", key="k-1", expected="sent"):
    return Promise(key=key, trace_id=trace_id, expected=expected)


def record(status="sent", reason=None, *timeline_reasons):
    timeline = [{"status": "queued", "reason": each} for each in timeline_reasons]
    return {"status": status, "reason": reason, "timeline": timeline}


def line(trace_id="t-1", message="k-1"):
    return {"trace_id": trace_id, "message": message}


def test_a_notification_that_was_promised_recorded_and_received_keeps_the_promise():
    findings = reconcile([promise()], {"t-1": record()}, [line()])

    assert findings.is_kept
    assert findings.by_status == {"sent": 1}


@pytest.mark.parametrize("records", [{}, {"t-1": record("retrying")}, {"t-1": record("queued")}])
def test_one_that_has_not_ended_is_lost(records):
    findings = reconcile([promise()], records, [])

    assert findings.lost == ["t-1"]
    assert not findings.is_kept


def test_a_status_of_sent_that_the_provider_denies_is_a_lie():
    findings = reconcile([promise()], {"t-1": record()}, [])

    assert findings.broken == ["t-1 says sent, but the provider never got it"]


def test_a_failure_that_the_provider_received_is_a_lie():
    findings = reconcile(
        [promise(expected="failed:unknown_user")],
        {"t-1": record("failed", "unknown_user")},
        [line()],
    )

    assert not findings.is_kept


def test_another_end_than_expected_is_a_broken_promise():
    findings = reconcile([promise()], {"t-1": record("failed", "provider_rejected")}, [])

    assert findings.broken == ["t-1 is failed:provider_rejected, not sent"]


def test_a_duplicate_that_a_lost_lease_explains_is_reported_and_allowed():
    findings = reconcile([promise()], {"t-1": record("sent", None, "lease_lost")}, [line(), line()])

    assert findings.is_kept
    assert findings.duplicates_explained == {"t-1": "lease_lost"}


@pytest.mark.parametrize(("reasons", "copies"), [([], 2), (["lease_lost"], 3)])
def test_a_duplicate_without_an_explanation_is_a_broken_promise(reasons, copies):
    findings = reconcile([promise()], {"t-1": record("sent", None, *reasons)}, [line()] * copies)

    assert not findings.is_kept


def test_one_key_that_made_two_notifications_is_a_broken_promise():
    findings = reconcile(
        [promise()], {"t-1": record()}, [line(), line(trace_id="t-2", message="k-1")]
    )

    assert findings.broken == ["key k-1 made 2 notifications: ['t-1', 't-2']"]


def test_what_was_received_without_an_answer_is_counted_but_breaks_nothing():
    findings = reconcile([], {}, [line()])

    assert findings.is_kept
    assert findings.received_without_answer == 1


@pytest.mark.parametrize(("doubts", "is_kept"), [(["lease_lost"], True), ([], False)])
def test_a_failure_may_be_ambiguous_where_a_worker_died(doubts, is_kept):
    records = {"t-1": record("failed", "ambiguous", *doubts, "ambiguous")}
    findings = reconcile([promise(expected="failed:provider_rejected")], records, [])

    assert findings.is_kept is is_kept
