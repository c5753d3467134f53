"""Trace ids."""

import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notification_contracts.trace_ids import new_trace_id, parse_trace_id


def test_a_trace_id_is_a_uuid_of_version_7() -> None:
    made = uuid.UUID(new_trace_id())

    assert (made.version, made.variant) == (7, uuid.RFC_4122)


@given(at_ms=st.integers(min_value=0, max_value=2**48 - 1))
def test_a_trace_id_holds_its_time(at_ms: int) -> None:
    assert uuid.UUID(new_trace_id(at_ms)).int >> 80 == at_ms


def test_a_trace_id_holds_the_present_time_by_default() -> None:
    before = time.time_ns() // 1_000_000
    made = uuid.UUID(new_trace_id()).int >> 80

    assert before <= made <= time.time_ns() // 1_000_000


@given(st.lists(st.integers(min_value=0, max_value=2**48 - 1), unique=True))
def test_trace_ids_sort_by_time(times: list[int]) -> None:
    made = [new_trace_id(at) for at in sorted(times)]

    assert made == sorted(made)


def test_trace_ids_of_one_millisecond_sort_in_the_order_in_which_they_were_made() -> None:
    made = []
    for _ in range(50):
        made.append(new_trace_id())
        now = time.perf_counter_ns()
        while time.perf_counter_ns() - now < 1_000:
            pass

    assert made == sorted(made)


def test_trace_ids_of_one_millisecond_differ() -> None:
    assert len({new_trace_id(1) for _ in range(1_000)}) == 1_000


def test_a_made_trace_id_is_parsed() -> None:
    made = new_trace_id()

    assert parse_trace_id(made) == made


def test_a_trace_id_in_capitals_is_parsed_to_lower_case() -> None:
    made = new_trace_id()

    assert parse_trace_id(made.upper()) == made


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "0198c5d6-0000-4000-8000-000000000000",
        "0198c5d6-0000-7000-0000-000000000000",
        "0198c5d6-0000-7000-8000-00000000000",
        "0198c5d6-0000-7000-8000-000000000000\n",
        " 0198c5d6-0000-7000-8000-000000000000",
        "{0198c5d6-0000-7000-8000-000000000000}",
        "0198c5d600007000800000000000000",
        "\u0660198c5d6-0000-7000-8000-000000000000",
        "../0198c5d6-0000-7000-8000-000000000000",
    ],
)
def test_other_text_is_no_trace_id(text: str) -> None:
    assert parse_trace_id(text) is None


@given(st.text(max_size=40))
def test_any_text_can_be_asked_about(text: str) -> None:
    assert parse_trace_id(text) in {None, text.lower()}
