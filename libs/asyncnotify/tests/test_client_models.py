"""Answers: JSON objects whose known fields are typed attributes."""

import json
import pickle
from datetime import UTC, datetime

import httpx
import pytest
from asyncnotify import (
    AsyncNotify,
    Conflict,
    Forbidden,
    Invalid,
    NotEnded,
    NotFound,
    RateLimited,
    Refused,
    Unauthenticated,
    Unavailable,
)
from asyncnotify.models import Accepted, Notification, NotificationPage, User

RECORD = {
    "trace_id": "t",
    "status": "failed",
    "reason": "no_address",
    "created_at": "2026-01-31T09:00:00.123Z",
    "timeline": [
        {"at": "2026-01-31T09:00:00Z", "status": "queued"},
        {"at": "2026-01-31T09:00:01Z", "status": "failed", "targets": [{"target": "email"}]},
    ],
    "of_tomorrow": 7,
}


def test_known_fields_are_attributes_with_types():
    found = Notification(RECORD)

    assert found.is_final
    assert found.reason == "no_address"
    assert found.created_at == datetime(2026, 1, 31, 9, 0, 0, 123000, tzinfo=UTC)
    assert [entry.at.second for entry in found.timeline] == [0, 1]
    assert found.timeline[1].targets[0].target == "email"
    assert found.timeline[0].targets is None


def test_it_is_the_json_object_with_fields_that_are_not_known_yet():
    found = Notification(RECORD)

    assert found == RECORD
    assert found["of_tomorrow"] == 7
    assert json.loads(json.dumps(found)) == RECORD
    assert {**found}["timeline"][0]["status"] == "queued"


def test_a_misspelt_attribute_is_an_error():
    misspelt = "traceid"
    with pytest.raises(AttributeError, match="Accepted has no field 'traceid'"):
        getattr(Accepted(trace_id="t"), misspelt)


def test_a_field_that_an_older_system_does_not_have_is_none():
    assert Notification({"trace_id": "t"}).delivery_mode is None


def test_a_page_has_its_entries_and_where_the_next_one_begins():
    page = NotificationPage({"items": [RECORD], "next_cursor": "c"})

    assert [each.reason for each in page.entries] == ["no_address"]
    assert page.next_cursor == "c"


def test_a_user_has_addresses_with_their_health():
    good = {"address": "a@example.com", "health": "good", "added_at": "2026-01-31T09:00:00Z"}
    user = User({"user_id": "ada", "email": "a@example.com", "addresses": {"email": [good]}})

    assert user.addresses.email[0].health == "good"
    assert user.addresses.email[0].added_at.year == 2026


def test_errors_and_answers_can_be_handed_to_another_process():
    refused = Invalid(422, "invalid_request", "No", [{"pointer": "/a"}], 3.0, "r-1")
    late = NotEnded(Notification(RECORD), 5)

    there, back, answer = pickle.loads(pickle.dumps((refused, late, Notification(RECORD))))  # noqa: S301

    assert (str(there), there.errors, there.request_id) == ("No", [{"pointer": "/a"}], "r-1")
    assert str(back) == str(late)
    assert (type(answer), answer) == (Notification, RECORD)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, Invalid),
        (401, Unauthenticated),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (410, NotFound),
        (413, Invalid),
        (422, Invalid),
        (429, RateLimited),
        (500, Refused),
        (503, Unavailable),
    ],
)
async def test_each_kind_of_refusal_has_its_error(status, error):
    problem = {"code": "so", "title": "No", "request_id": "r-1"}
    transport = httpx.MockTransport(lambda _: httpx.Response(status, json=problem))
    async with AsyncNotify("http://door", retry_seconds=0, transport=transport) as notify:
        with pytest.raises(Refused, match="No") as refused:
            await notify.cancel("t")

    assert type(refused.value) is error
    assert (refused.value.status, refused.value.request_id) == (status, "r-1")
