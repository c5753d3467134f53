import pytest
from asyncnotify.csv_file import BadFile
from asyncnotify.csv_progress import CsvProgress


@pytest.fixture
def path(tmp_path):
    return tmp_path / "people.csv"


def load(path):
    record = CsvProgress(path, "http://door")
    record.load()
    return record


@pytest.mark.parametrize("left", [b"", b'{"gatew', b"\n"])
def test_a_record_that_a_power_cut_left_empty_is_none(path, left):
    path.with_name("people.csv.progress").write_bytes(left)

    record = load(path)
    assert record.faults == {}
    record.add({"a": None})

    assert load(path).faults == {"a": None}


def test_a_torn_line_is_none_and_the_next_one_is_whole(path):
    record = load(path)
    record.add({"a": None, "b": "no"})
    record.add({"c": None})
    file = path.with_name("people.csv.progress")
    file.write_bytes(file.read_bytes()[:-5])

    resumed = load(path)
    assert resumed.faults == {"a": None, "b": "no"}
    resumed.add({"d": None})

    assert load(path).faults == {"a": None, "b": "no", "d": None}


def test_a_finished_record_is_taken_up_when_rows_are_added(path):
    record = load(path)
    record.add({"a": None})
    record.finish()

    again = load(path)
    again.add({"b": None})

    assert load(path).faults == {"a": None, "b": None}
    assert again.unfinished_file.exists()
    assert not again.finished_file.exists()


@pytest.mark.parametrize("content", [b"no JSON\n[1]\n", b"{}\n", b"[]\n", b'{"gateway":""}\n[1]\n'])
def test_a_damaged_record_says_what_to_do(path, content):
    path.with_name("people.csv.progress").write_bytes(content)

    with pytest.raises(BadFile, match=r"people\.csv\.progress is damaged.*--again"):
        load(path)
