from io import StringIO

import pytest
from asyncnotify.commands import tables
from rich.console import Console


@pytest.fixture
def shown(monkeypatch):
    """Returns what a table of items looks like in so many columns."""

    def show(items, columns, *, width):
        written = StringIO()
        monkeypatch.setattr(tables, "out", Console(file=written, width=width))
        monkeypatch.setattr(tables, "shows_json", lambda: False)
        tables.show_items(items, columns)
        return written.getvalue()

    return show


def test_what_an_item_is_found_by_is_never_cut(shown):
    item = {"trace_id": "0197f3c0-7a1b-7c52-9f6e-2f1f6f3d8a10", "detail": "words " * 20}

    text = shown([item], {"trace id": "trace_id", "detail": "detail"}, width=50)

    assert item["trace_id"] in text
    assert "…" not in text


def test_a_row_of_notifications_stays_in_its_line(shown):
    letter = {
        "trace_id": "0197f3c0-7a1b-7c52-9f6e-2f1f6f3d8a10",
        "is_test": False,
        "channel": None,
        "at": "2026-11-28T11:08:53.123000Z",
    }

    columns = {"trace id": "trace_id", "test": "is_test", "channel": "channel", "at": "at"}
    heading, row = shown([letter], columns, width=80).splitlines()

    assert "channel" not in heading
    assert row.split() == [letter["trace_id"], "no", "2026-11-28", "11:08:53Z"]


def test_a_time_is_broken_between_its_day_and_its_hour_alone(shown):
    item = {
        "id": "1795884480983-0",
        "at": "2026-11-28T16:48:00Z",
        "error": "no " * 30,
        "x": "y" * 30,
    }

    text = shown([item], {"id": "id", "at": "at", "error": "error", "x": "x"}, width=40)

    assert "2026-11-28 " in text
    assert "16:48:00Z" in text
