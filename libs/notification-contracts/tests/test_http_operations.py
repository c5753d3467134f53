"""The bodies of the operator's side."""

import pytest
from notification_contracts.http import (
    ReplayAnswer,
    ReplayRequest,
)
from pydantic import BaseModel, ValidationError


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (ReplayRequest, "reason channel since until limit dry_run all"),
        (ReplayAnswer, "matched replayed dry_run trace_ids ambiguous gone warning"),
    ],
)
def test_a_body_has_the_fields_of_the_public_contract(model: type[BaseModel], fields: str) -> None:
    assert list(model.model_json_schema()["properties"]) == fields.split()


@pytest.mark.parametrize("wish", [{}, {"limit": 5}, {"all": False}, {"reason": None}])
def test_a_replay_of_everything_must_be_meant(wish: dict[str, object]) -> None:
    with pytest.raises(ValidationError) as refusal:
        ReplayRequest.model_validate(wish)

    [fault] = refusal.value.errors()
    assert (fault["loc"], fault["type"]) == ((), "missing")
    assert "all: true" in fault["msg"]


@pytest.mark.parametrize(
    "wish",
    [
        {"all": True},
        {"all": True, "limit": 5},
        {"dry_run": True},
        {"reason": "poison"},
        {"channel": "sms"},
        {"since": "2027-01-31T09:00:00Z"},
        {"until": "2027-01-31T09:00:00Z"},
    ],
)
def test_a_filter_or_all_says_which(wish: dict[str, object]) -> None:
    ReplayRequest.model_validate(wish)


def test_a_replay_is_read() -> None:
    request = ReplayRequest.model_validate_json(
        '{"reason":"provider_unavailable","channel":"sms","since":"2027-01-31T09:00:00Z",'
        '"until":"2027-01-31T10:00:00Z","limit":10,"dry_run":true}'
    )

    assert (request.reason, request.channel, request.limit) == ("provider_unavailable", "sms", 10)
    assert request.dry_run


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reason", 1),
        ("reason", "r" * 65),
        ("channel", "a\nb"),
        ("since", 1_798_707_600),
        ("since", "yesterday"),
        ("until", "2027-01-31T09:00:00"),
        ("limit", 0),
        ("limit", -1),
        ("limit", 1_000_001),
        ("limit", "10"),
        ("limit", 1.5),
        ("limit", True),
        ("dry_run", "yes"),
        ("dry_run", 1),
        ("all", "yes"),
        ("all", 1),
        ("dryrun", True),
    ],
)
def test_a_bad_field_is_one_error_at_its_place(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as refusal:
        ReplayRequest.model_validate({field: value})

    assert [fault["loc"] for fault in refusal.value.errors()] == [(field,)]
