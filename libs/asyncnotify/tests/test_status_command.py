from io import StringIO

import httpx
import pytest
from asyncnotify.client import AsyncNotify
from asyncnotify.commands import notifications
from rich.console import Console


@pytest.fixture
def shown(monkeypatch):
    """Show a notification as at a terminal, and return the text."""

    def show(notification, *sentence):
        written = StringIO()
        monkeypatch.setattr(notifications, "out", Console(file=written, width=160))
        monkeypatch.setattr(notifications, "shows_json", lambda: False)
        notifications.show(notification, *sentence)
        return written.getvalue()

    return show


def test_what_came_of_each_device_stands_below_the_entry(shown):
    at = "2027-01-31T09:00:00Z"
    targets = [
        {"target": "phone", "outcome": "accepted", "provider": "fcm"},
        {
            "target": "tablet",
            "outcome": "gone",
            "provider": "apns",
            "reason": "address_gone",
            "detail": "APNs answered 410",
        },
    ]
    entry = {"at": at, "status": "sent", "provider": "fcm", "attempt": 1, "targets": targets}

    text = shown({"trace_id": "t-1", "status": "sent", "user_id": "ada", "timeline": [entry]})

    [phone] = [line for line in text.splitlines() if "phone" in line]
    [tablet] = [line for line in text.splitlines() if "tablet" in line]
    assert "accepted" in phone
    assert all(each in tablet for each in ("gone: address_gone", "apns", "APNs answered 410"))


async def test_a_person_is_told_why_it_is_where_it_is(shown):
    record = {"trace_id": "t-1", "status": "queued", "user_id": "ada", "timeline": []}
    answers = {
        "/notifications/t-1": record,
        "/notifications/t-1/explain": {"trace_id": "t-1", "sentence": "It waits [for] its turn."},
    }
    transport = httpx.MockTransport(lambda asked: httpx.Response(200, json=answers[asked.url.path]))

    shown(record)  # at a terminal from here on
    async with AsyncNotify("http://door", transport=transport) as client:
        text = shown(*await notifications.look_up("t-1", client))

    assert text.splitlines()[:2] == ["t-1  queued", "  It waits [for] its turn."]
