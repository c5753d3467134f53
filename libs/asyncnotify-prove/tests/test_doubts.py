import pytest
from asyncnotify_prove import doubts
from asyncnotify_prove.doubts import end_of_doubt
from asyncnotify_prove.timelines import Step


def told(*statuses):
    parts = [status.partition(":") for status in statuses]
    return [
        Step(at=float(number), status=status, reason=reason or None, channel="sms")
        for number, (status, _, reason) in enumerate(parts)
    ]


def end(*statuses, copies=1, repeats=0, reason=None):
    return end_of_doubt(told(*statuses), copies=copies, repeats=repeats, reason=reason)


LOST = ("queued", "validated", "sending", "retrying:ambiguous")


def test_what_was_never_in_doubt_has_no_such_end():
    assert end("queued", "validated", "sending", "sent") is None
    # The lease was lost before anything was sent.
    assert end("queued", "validated", "validated:lease_lost", "sending", "sent") is None


@pytest.mark.parametrize(
    ("then", "known", "expected"),
    [
        (["sent"], {}, doubts.FOUND),
        (["sending", "sent"], {}, doubts.SENT_AGAIN),
        (["sending", "sent"], {"copies": 2}, doubts.TWICE),
        (["sending", "sent"], {"repeats": 1}, doubts.REPEATED),
        (["cancelled"], {"reason": "ambiguous"}, doubts.ENDED_IN_DOUBT),
        (["sending", "failed"], {"copies": 0}, doubts.OTHER),
    ],
)
def test_it_says_how_it_ended(then, known, expected):
    assert end(*LOST, *then, **known) == f"sms: {expected}"
