"""Reading the outbox from its end."""

import json
from pathlib import Path

import pytest
from notification_providers.fake import outbox_reader
from notification_providers.fake.outbox_reader import read_back


def anything(_: object) -> bool:
    return True


@pytest.fixture
def outbox(tmp_path: Path) -> Path:
    return tmp_path / "outbox.jsonl"


def written(path: Path, count: int, tail: bytes = b"") -> None:
    lines = [json.dumps({"n": number, "x": "y" * (number * 7 % 30)}) for number in range(count)]
    path.write_bytes("".join(f"{line}\n" for line in lines).encode() + tail)


@pytest.mark.parametrize("tail", [b"", b'{"n": 99, "hal'], ids=["whole", "torn"])
@pytest.mark.parametrize("count", [0, 1, 2, 11])
def test_all_whole_lines_come_page_by_page_the_last_first(
    outbox: Path, count: int, tail: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_reader, "BLOCK", 7)
    written(outbox, count, tail)

    found, before, is_over = list[int](), None, False
    while not is_over:
        page = read_back(outbox, before=before, limit=2, wanted=anything)
        found += [line.content["n"] for line in page.found]
        before, is_over = page.rest, page.rest is None

    assert found == list(range(count))[::-1]


def test_what_is_appended_meanwhile_moves_no_page(outbox: Path) -> None:
    written(outbox, 4)
    first = read_back(outbox, limit=2, wanted=anything)
    with outbox.open("a") as file:
        file.write('{"n": 99}\n')

    second = read_back(outbox, before=first.rest, limit=2, wanted=anything)

    assert [line.content["n"] for line in (*first.found, *second.found)] == [3, 2, 1, 0]


def test_it_stops_after_so_many_bytes_and_goes_on_from_there(outbox: Path) -> None:
    written(outbox, 100)

    page = read_back(outbox, limit=1, wanted=lambda line: line["n"] == 3, most_bytes=500)
    assert (page.found, page.rest is None) == ([], False)
    while page.rest is not None and not page.found:
        page = read_back(
            outbox,
            before=page.rest,
            limit=1,
            wanted=lambda line: line["n"] == 3,
            most_bytes=500,
        )

    assert [line.content["n"] for line in page.found] == [3]


def test_what_is_no_message_is_passed_over(outbox: Path) -> None:
    outbox.write_bytes(b'{"n": 1}\n\nnonsense\n[2]\n\xff\xfe\n{"n": 3}\n')

    page = read_back(outbox, limit=9, wanted=anything)

    assert [line.content for line in page.found] == [{"n": 3}, {"n": 1}]
    assert page.rest is None


def test_a_file_that_is_not_there_or_has_shrunk_has_nothing(outbox: Path) -> None:
    assert read_back(outbox, limit=9, wanted=anything).found == ()
    written(outbox, 2)

    page = read_back(outbox, before=10_000, limit=9, wanted=anything)

    assert len(page.found) == 2
