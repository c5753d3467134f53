import contextlib

from hypothesis import given
from hypothesis import strategies as st
from notification_contracts.trace_ids import new_trace_id
from notification_ledger.cursors import decode_cursor, encode_cursor, parse_change_id
from notification_ledger.port import InvalidCursor


@given(st.integers(0, 10**15 - 1))
def test_cursor_holds_a_position(created_ms: int) -> None:
    position = (created_ms, new_trace_id())

    assert decode_cursor(encode_cursor(position)) == position


@given(st.text(st.characters(), max_size=100))
def test_any_text_is_a_cursor_or_is_refused(text: str) -> None:
    with contextlib.suppress(InvalidCursor):
        assert encode_cursor(decode_cursor(text)) == text


@given(st.from_regex(r"[0-9]{1,21}-[0-9]{1,21}", fullmatch=True) | st.text(max_size=30))
def test_any_text_is_a_change_id_or_is_refused(text: str) -> None:
    with contextlib.suppress(InvalidCursor):
        assert max(parse_change_id(text)) < 2**64
