import csv

import pytest
from asyncnotify.csv_job import BadFile, CsvJob
from asyncnotify.errors import Refused, Unreachable

COLUMNS = ("user_id", "message", "channel")


@pytest.fixture
def write(tmp_path):
    def write_rows(*rows, header=COLUMNS):
        path = tmp_path / "people.csv"
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])
        return path

    return write_rows


def job(path):
    loaded = CsvJob(path, required=("user_id", "message"), allowed=COLUMNS)
    loaded.load()
    return loaded


async def test_each_row_is_handled_once_and_empty_cells_are_left_out(write):
    handled = []
    work = job(write(("ada", "hi", "sms"), ("bob", "ho", "")))

    async def handle(number, row):
        handled.append((number, row))

    await work.run(handle)

    assert sorted(handled) == [
        (0, {"user_id": "ada", "message": "hi", "channel": "sms"}),
        (1, {"user_id": "bob", "message": "ho"}),
    ]


async def test_a_run_that_broke_off_goes_on_where_it_stopped(write):
    path = write(*((f"user-{number}", "hi", "") for number in range(250)))
    seen = []

    async def breaks_at_150(number, row):
        if number == 150:
            raise Unreachable("gone")
        seen.append(number)

    async def works(number, row):
        seen.append(number)

    with pytest.raises(Unreachable):
        await job(path).run(breaks_at_150)
    second = job(path)
    resumed_at = second.done
    await second.run(works)

    assert resumed_at == 100
    assert set(seen) == set(range(250))
    assert not path.with_name("people.csv.progress").exists()


async def test_rows_may_be_appended_to_a_file_that_is_half_done(write):
    rows = [(f"user-{number}", "hi", "") for number in range(120)]

    async def breaks(number, row):
        if number >= 100:
            raise Unreachable("gone")

    with pytest.raises(Unreachable):
        await job(write(*rows)).run(breaks)

    assert job(write(*rows, ("late", "hi", ""))).done == 100


async def test_a_file_that_changed_in_its_done_part_is_refused(write):
    rows = [(f"user-{number}", "hi", "") for number in range(120)]

    async def breaks(number, row):
        if number >= 100:
            raise Unreachable("gone")

    with pytest.raises(Unreachable):
        await job(write(*rows)).run(breaks)

    with pytest.raises(BadFile, match="changed in the part that is done"):
        job(write(("somebody-else", "hi", ""), *rows[1:]))


async def test_a_refused_row_is_written_down_with_its_reason_and_the_rest_goes_on(write):
    work = job(write(("ada", "hi", "fax"), ("bob", "ho", "")))
    handled = []

    async def handle(number, row):
        if row["user_id"] == "ada":
            fault = {"pointer": "/channel", "code": "invalid_value", "message": "unknown"}
            raise Refused(422, "invalid_request", "bad", [fault])
        handled.append(row["user_id"])

    await work.run(handle)

    assert handled == ["bob"]
    rejected = work.rejected_file.read_text().splitlines()
    assert rejected[1] == "ada,hi,fax,2,/channel: unknown"


async def test_a_refusal_for_now_stops_the_run_instead_of_losing_the_row(write):
    work = job(write(("ada", "hi", "")))

    async def full(number, row):
        raise Refused(503, "queue_full", "full", retry_after_seconds=5)

    with pytest.raises(Refused):
        await work.run(full)

    assert work.done == 0
    assert not work.rejected_file.exists()


@pytest.mark.parametrize(
    ("header", "complaint"),
    [(("user_id",), "no column 'message'"), ((*COLUMNS, "colour"), "unknown column 'colour'")],
)
def test_wrong_columns_are_named(write, header, complaint):
    with pytest.raises(BadFile, match=complaint):
        job(write(header=header))


def test_a_row_with_too_many_cells_is_named_by_its_line(write):
    with pytest.raises(BadFile, match="row 3"):
        job(write(("ada", "hi", ""), ("bob", "ho", "", "extra")))
