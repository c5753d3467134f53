"""The bodies of `/notifications`, as docs of the public API have them."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from notification_contracts.channels import AddressKind, Channel, register
from notification_contracts.http import (
    NotificationAccepted,
    NotificationRequest,
)
from notification_contracts.http.fields import MAX_REQUEST_BYTES
from notification_contracts.states import Priority
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

MINIMAL = {"user_id": "user_test", "message": "your purchase was completed successfully"}
FULL = {
    **MINIMAL,
    "channel": "email",
    "subject": "Thank you",
    "priority": "normal",
    "send_at": "2027-01-31T09:00:00Z",
    "expires_at": "2027-01-31T12:00:00Z",
}


FaultsOf = Callable[[object], list[ErrorDetails]]


@pytest.fixture
def faults_of() -> FaultsOf:
    """Return what is wrong with a request, the same for JSON and for Python values."""

    def faults(body: object) -> list[ErrorDetails]:
        with pytest.raises(ValidationError) as from_python:
            NotificationRequest.model_validate(body)
        with pytest.raises(ValidationError) as from_json:
            NotificationRequest.model_validate_json(json.dumps(body))
        assert from_json.value.error_count() == from_python.value.error_count()
        return from_python.value.errors()

    return faults


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (
            NotificationRequest,
            "user_id message channel subject priority send_at expires_at html data tags reference",
        ),
        (NotificationAccepted, "trace_id status status_url segments"),
    ],
)
def test_a_body_has_the_fields_of_the_public_contract(model: type[BaseModel], fields: str) -> None:
    assert set(fields.split()) <= model.model_json_schema()["properties"].keys()


def test_only_user_and_message_are_required() -> None:
    request = NotificationRequest.model_validate(MINIMAL)

    assert (request.channel, request.priority) == (None, Priority.NORMAL)
    assert NotificationRequest.model_json_schema()["required"] == ["user_id", "message"]


def test_a_full_request_is_read() -> None:
    request = NotificationRequest.model_validate(FULL)

    assert request.send_at == datetime(2027, 1, 31, 9, tzinfo=UTC)
    assert FULL.items() <= request.model_dump(mode="json").items()


@pytest.mark.parametrize(
    "fields",
    [
        {"user_id": "u" * 128},
        {"user_id": "../a%2f?b#c"},
        {"user_id": " "},
        {"message": "m" * 10_000},
        {"message": "🚀" * 10_000},
        {"message": "two\r\nlines\tand a tab"},
        {"subject": "s" * 255},
        {"channel": None, "subject": None, "send_at": None, "expires_at": None},
        {"priority": "high"},
        {"priority": "low"},
        {"send_at": "9999-12-31T23:59:59Z"},
        {"send_at": "0001-01-01T00:00:00Z"},
        {"send_at": "2027-01-31t09:00:00.123456789z"},
        {"send_at": "2027-01-31 09:00:00+14:00"},
        {"html": "🚀" * 100_000},
        {"html": None, "data": None, "tags": None, "reference": None},
        {"data": {}},
        {"data": {"ж": "ж" * 2043}},
        {"data": {"deep": [{"a": [1, 1.5, None, True, 12345678901234567890]}]}},
        {"tags": []},
        {"tags": [f"{number}:A-z_.".ljust(64, "x") for number in range(10)]},
        {"reference": "ж" * 255},
    ],
    ids=lambda fields: json.dumps(fields)[:40],
)
def test_what_is_allowed_is_taken(fields: dict[str, object]) -> None:
    NotificationRequest.model_validate(MINIMAL | fields)
    NotificationRequest.model_validate_json(json.dumps(MINIMAL | fields))


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("user_id", "", "string_too_short"),
        ("user_id", "u" * 129, "string_too_long"),
        ("user_id", "a\u0000b", "string_pattern_mismatch"),
        ("user_id", "a\n", "string_pattern_mismatch"),
        ("user_id", "\u007f", "string_pattern_mismatch"),
        ("user_id", 123, "string_type"),
        ("user_id", 1.5, "string_type"),
        ("user_id", True, "string_type"),
        ("user_id", None, "string_type"),
        ("user_id", ["user_test"], "string_type"),
        ("user_id", {"id": "user_test"}, "string_type"),
        ("message", "", "string_too_short"),
        ("message", "m" * 10_001, "string_too_long"),
        ("message", "hi\u0000", "string_pattern_mismatch"),
        ("message", 0, "string_type"),
        ("message", False, "string_type"),
        ("message", None, "string_type"),
        ("channel", "fax", "invalid_value"),
        ("channel", "", "invalid_value"),
        ("channel", "EMAIL", "invalid_value"),
        ("channel", 1, "string_type"),
        ("channel", ["email"], "string_type"),
        ("subject", "s" * 256, "string_too_long"),
        ("subject", "hi\r\nBcc: all@example.org", "string_pattern_mismatch"),
        ("subject", "hi\u0000", "string_pattern_mismatch"),
        ("subject", 1, "string_type"),
        ("priority", "urgent", "enum"),
        ("priority", 1, "enum"),
        ("send_at", 1_798_707_600, "wrong_type"),
        ("send_at", 1.5, "wrong_type"),
        ("send_at", True, "wrong_type"),
        ("send_at", {}, "wrong_type"),
        ("send_at", "", "invalid_value"),
        ("send_at", "1798707600", "invalid_value"),
        ("send_at", "2027-01-31", "invalid_value"),
        ("send_at", "2027-01-31T09:00:00", "invalid_value"),
        ("send_at", "2027-01-31T09:00Z", "invalid_value"),
        ("send_at", "2027-13-31T09:00:00Z", "datetime_from_date_parsing"),
        ("send_at", "2027-01-31T25:00:00Z", "datetime_from_date_parsing"),
        ("send_at", "2027-01-31T09:00:00+99:00", "datetime_from_date_parsing"),
        ("send_at", "٢٠٢٧-01-31T09:00:00Z", "invalid_value"),
        ("send_at", "0001-01-01T00:00:00+14:00", "invalid_value"),
        ("send_at", "0000-01-01T00:00:00Z", "datetime_parsing"),
        ("expires_at", "9999-12-31T23:59:59-14:00", "invalid_value"),
        ("expires_at", "tomorrow", "invalid_value"),
        ("html", "", "string_too_short"),
        ("html", "h" * 100_001, "string_too_long"),
        ("html", "h\u0000", "string_pattern_mismatch"),
        ("html", 1, "string_type"),
        ("data", [], "dict_type"),
        ("data", "{}", "dict_type"),
        ("data", {"ж": "ж" * 2044}, "too_long"),
        ("data", {"a": float("inf")}, "invalid_value"),
        ("tags", "orders", "tuple_type"),
        ("tags", ["a", "a"], "invalid_value"),
        ("tags", [str(number) for number in range(11)], "too_long"),
        ("reference", "", "string_too_short"),
        ("reference", "r" * 256, "string_too_long"),
        ("reference", "a\nb", "string_pattern_mismatch"),
        ("reference", 1, "string_type"),
    ],
)
def test_a_bad_field_is_one_error_at_its_place(
    faults_of: FaultsOf, field: str, value: object, kind: str
) -> None:
    faults = faults_of({**MINIMAL, field: value})

    assert [(fault["loc"], fault["type"]) for fault in faults] == [((field,), kind)]


@pytest.mark.parametrize("tag", ["", "a b", "ж", "a,b", "t" * 65, "a\n", 1, None])
def test_a_bad_tag_is_named_by_its_place(faults_of: FaultsOf, tag: object) -> None:
    faults = faults_of({**MINIMAL, "tags": ["good", tag]})

    assert [fault["loc"] for fault in faults] == [("tags", 1)]


def test_no_request_that_the_fields_allow_is_larger_than_a_body_may_be() -> None:
    largest = {
        "user_id": "🚀" * 128,
        "message": "🚀" * 10_000,
        "subject": "🚀" * 255,
        "html": "🚀" * 100_000,
        "data": {"d": "ж" * 2044},
        "tags": [f"{number}".ljust(64, "t") for number in range(10)],
        "reference": "🚀" * 255,
    }
    written = json.dumps(largest, indent=2)

    NotificationRequest.model_validate_json(written)
    assert len(written) <= MAX_REQUEST_BYTES


def test_all_bad_fields_are_reported_at_once(faults_of: FaultsOf) -> None:
    faults = faults_of({"message": 1, "channel": "fax", "priority": "x", "send_at": 5, "more": 1})

    assert [fault["loc"] for fault in faults] == [
        ("user_id",),
        ("message",),
        ("channel",),
        ("priority",),
        ("send_at",),
        ("more",),
    ]


@pytest.mark.parametrize("body", [None, [], [MINIMAL], "text", 5, True])
def test_a_body_that_is_no_object_is_one_error_at_its_root(
    faults_of: FaultsOf, body: object
) -> None:
    assert [fault["loc"] for fault in faults_of(body)] == [()]


@pytest.mark.parametrize("field", ["user_id", "message", "channel", "subject", "send_at"])
def test_a_lone_surrogate_is_refused(field: str) -> None:
    body = {**MINIMAL, field: "\ud800"}

    with pytest.raises(ValidationError):
        NotificationRequest.model_validate(body)
    with pytest.raises(ValidationError):
        NotificationRequest.model_validate_json(json.dumps(body))


def test_a_time_without_an_offset_is_refused_with_words_that_help(faults_of: FaultsOf) -> None:
    faults = faults_of({**MINIMAL, "send_at": "2027-01-31T09:00:00"})

    assert faults[0]["msg"] == "must say its offset from UTC, as in 2027-01-31T09:00:00Z"


def test_an_unknown_channel_is_refused_with_those_that_are_known(faults_of: FaultsOf) -> None:
    faults = faults_of({**MINIMAL, "channel": "fax"})

    assert faults[0]["msg"] == "must be one of email, sms, push, webhook, chat"


@pytest.mark.usefixtures("channels")
def test_a_registered_channel_is_taken_and_described() -> None:
    register(Channel(name="fax", address_kind=AddressKind.PHONE))

    request = NotificationRequest.model_validate(MINIMAL | {"channel": "fax"})

    assert request.channel == "fax"
    assert "fax" in json.dumps(NotificationRequest.model_json_schema()["properties"]["channel"])
