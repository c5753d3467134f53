from io import StringIO

from asyncnotify.commands import tables
from rich.console import Console


def test_what_an_item_is_found_by_is_never_cut(monkeypatch):
    written = StringIO()
    narrow = Console(file=written, width=50)
    monkeypatch.setattr(tables, "out", narrow)
    monkeypatch.setattr(tables, "shows_json", lambda: False)
    item = {"trace_id": "0197f3c0-7a1b-7c52-9f6e-2f1f6f3d8a10", "detail": "words " * 20}

    tables.show_items([item], {"trace id": "trace_id", "detail": "detail"})

    assert item["trace_id"] in written.getvalue()
    assert "…" not in written.getvalue()


def test_a_row_of_notifications_stays_in_its_line(monkeypatch):
    written = StringIO()
    monkeypatch.setattr(tables, "out", Console(file=written, width=80))
    monkeypatch.setattr(tables, "shows_json", lambda: False)
    letter = {
        "trace_id": "0197f3c0-7a1b-7c52-9f6e-2f1f6f3d8a10",
        "is_test": False,
        "channel": None,
        "at": "2026-11-28T11:08:53.123000Z",
    }

    columns = {"trace id": "trace_id", "test": "is_test", "channel": "channel", "at": "at"}
    tables.show_items([letter], columns)

    heading, row = written.getvalue().splitlines()
    assert "channel" not in heading
    assert row.split() == [letter["trace_id"], "no", "2026-11-28", "11:08:53Z"]


def test_a_time_is_broken_between_its_day_and_its_hour_alone(monkeypatch):
    written = StringIO()
    monkeypatch.setattr(tables, "out", Console(file=written, width=40))
    monkeypatch.setattr(tables, "shows_json", lambda: False)
    item = {
        "id": "1795884480983-0",
        "at": "2026-11-28T16:48:00Z",
        "error": "no " * 30,
        "x": "y" * 30,
    }

    tables.show_items([item], {"id": "id", "at": "at", "error": "error", "x": "x"})

    assert "2026-11-28 " in written.getvalue()
    assert "16:48:00Z" in written.getvalue()
