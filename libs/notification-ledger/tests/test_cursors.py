import contextlib
from base64 import urlsafe_b64encode
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notification_contracts.states import Status
from notification_contracts.trace_ids import new_trace_id
from notification_ledger.cursors import decode_cursor, encode_cursor
from notification_ledger.reading import InvalidCursor, RecordQuery, parse_change_id

ALL = RecordQuery()


@given(st.integers(0, 10**15 - 1))
def test_cursor_holds_a_position(created_ms: int) -> None:
    position = (created_ms, new_trace_id())

    assert decode_cursor(ALL, encode_cursor(ALL, position)) == position


@given(st.text(st.characters(), max_size=100))
def test_any_text_is_a_cursor_or_is_refused(text: str) -> None:
    with contextlib.suppress(InvalidCursor):
        assert encode_cursor(ALL, decode_cursor(ALL, text)) == text


@pytest.mark.parametrize(
    "other",
    [
        {"dead_letters": True},
        {"status": Status.SENT},
        {"user_id": "ada"},
        {"channel": "sms"},
        {"reason": "poison"},
        {"since": datetime(2027, 1, 1, tzinfo=UTC)},
    ],
    ids=lambda other: next(iter(other)),
)
def test_a_cursor_is_good_for_its_own_list_only(other: dict[str, Any]) -> None:
    cursor = encode_cursor(ALL, (1, new_trace_id()))

    assert decode_cursor(replace(ALL, limit=7, cursor=cursor), cursor)
    with pytest.raises(InvalidCursor):
        decode_cursor(replace(ALL, **other), cursor)


def test_a_cursor_made_by_hand_is_refused() -> None:
    by_hand = urlsafe_b64encode(f"1769850000000:{new_trace_id()}".encode()).decode().rstrip("=")

    with pytest.raises(InvalidCursor):
        decode_cursor(ALL, by_hand)


@given(st.from_regex(r"[0-9]{1,21}-[0-9]{1,21}", fullmatch=True) | st.text(max_size=30))
def test_any_text_is_a_change_id_or_is_refused(text: str) -> None:
    with contextlib.suppress(InvalidCursor):
        assert max(parse_change_id(text)) < 2**64
