import csv

import pytest
from asyncnotify.csv_file import BadFile
from asyncnotify.csv_job import CsvJob
from asyncnotify.errors import Refused, Unreachable

COLUMNS = ("user_id", "message", "channel")


def job(path, *, again=False, target="http://door", **options):
    loaded = CsvJob(
        path,
        required=("user_id", "message"),
        allowed=COLUMNS,
        target=target,
        **{"batch_rows": 100, "patience_seconds": 0, **options},
    )
    loaded.load(again=again)
    return loaded


def each(handle):
    """Handle rows one by one; what one is refused for keeps no other from being done."""

    async def handle_all(rows):
        return [await refusal_of(row) for row in rows]

    async def refusal_of(row):
        try:
            await handle(row.line - 2, row.cells)
        except Refused as error:
            return error

    return handle_all


class Gateway:
    """Takes each row but those of the users that it refuses; remembers whose it was asked."""

    def __init__(self, *refused):
        self.refused = set(refused)
        self.asked = []

    async def __call__(self, number, row):
        self.asked.append(row["user_id"])
        if row["user_id"] in self.refused:
            fault = {"pointer": "/user_id", "code": "invalid_value", "message": "no"}
            raise Refused(422, "invalid_request", "bad", [fault])


def rejected(work):
    return list(csv.reader(work.rejected_file.read_text().splitlines()))[1:]


async def test_each_row_is_handled_once_and_empty_cells_are_left_out(write):
    handled = []
    work = job(write(("ada", "hi", "sms"), ("bob", "ho", "")))

    async def handle(number, row):
        handled.append((number, row))

    await work.run(each(handle))

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
        await job(path).run(each(breaks_at_150))
    second = job(path)
    resumed_at = second.done
    await second.run(each(works))

    assert resumed_at == 100
    assert set(seen) == set(range(250))
    assert not path.with_name("people.csv.progress").exists()


async def test_rows_may_be_appended_to_a_file_that_is_half_done(write):
    rows = [(f"user-{number}", "hi", "") for number in range(120)]

    async def breaks(number, row):
        if number >= 100:
            raise Unreachable("gone")

    with pytest.raises(Unreachable):
        await job(write(*rows)).run(each(breaks))

    assert job(write(*rows, ("late", "hi", ""))).done == 100


async def test_a_file_that_changed_in_its_done_part_is_refused(write):
    rows = [(f"user-{number}", "hi", "") for number in range(120)]

    async def breaks(number, row):
        if number >= 100:
            raise Unreachable("gone")

    with pytest.raises(Unreachable):
        await job(write(*rows)).run(each(breaks))

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

    await work.run(each(handle))

    assert handled == ["bob"]
    rejected = work.rejected_file.read_text().splitlines()
    assert rejected[1] == "ada,hi,fax,2,/channel: unknown"


async def test_a_refusal_for_now_stops_the_run_instead_of_losing_the_row(write):
    work = job(write(("ada", "hi", "")))

    async def full(number, row):
        raise Refused(503, "queue_full", "full", retry_after_seconds=5)

    with pytest.raises(Refused):
        await work.run(each(full))

    assert work.done == 0
    assert not work.rejected_file.exists()


@pytest.mark.parametrize(
    ("header", "complaint"),
    [(("user_id",), "no column 'message'"), ((*COLUMNS, "colour"), "unknown column 'colour'")],
)
def test_wrong_columns_are_named(write, header, complaint):
    with pytest.raises(BadFile, match=complaint):
        job(write(header=header))


async def test_a_ragged_row_is_refused_and_the_rest_goes_on(write):
    gateway = Gateway()
    work = job(write(("ada", "hi", ""), ("bob", "ho", "", "extra"), ("cleo",), ("dan", "hi", "")))

    await work.run(each(gateway))

    assert sorted(gateway.asked) == ["ada", "dan"]
    assert [(row[3], row[4]) for row in rejected(work)] == [
        ("3", "has 4 cells, the first line has 3"),
        ("4", "has 1 cells, the first line has 3"),
    ]


async def test_a_blank_id_is_refused_in_words(write):
    work = job(write(("", "hi", ""), (" ", "hi", ""), ("ada", "", "")))

    await work.run(each(Gateway()))

    assert [row[4] for row in rejected(work)] == [
        "user_id is blank",
        "user_id is blank",
        "message is blank",
    ]


async def test_a_second_run_repeats_nothing_and_writes_no_refusal_twice(write):
    path = write(("ada", "hi", ""), ("bob", "hi", ""), ("cleo", "hi", ""))
    gateway = Gateway("bob")
    first = job(path)
    await first.run(each(gateway))

    second = job(path)
    await second.run(each(gateway))

    assert sorted(gateway.asked) == ["ada", "bob", "cleo"]
    assert (second.done, second.rejected) == (3, 1)
    assert rejected(second) == [["bob", "hi", "", "3", "/user_id: no"]]


async def test_a_mended_row_is_tried_again_alone(write):
    gateway = Gateway("bob", "eve")
    rows = [("ada", "hi", ""), ("bob", "hi", ""), ("eve", "hi", ""), ("cleo", "hi", "")]
    await job(write(*rows)).run(each(gateway))
    gateway.asked.clear()
    rows[1] = ("bobby", "hi", "")

    work = job(write(*rows))
    await work.run(each(gateway))

    assert gateway.asked == ["bobby"]
    assert [row[0] for row in rejected(work)] == ["eve"]


async def test_the_file_of_refused_rows_may_be_mended_and_given_back(write):
    gateway = Gateway("bob")
    work = job(write(("ada", "hi", ""), ("bob", "hi", "")))
    await work.run(each(gateway))
    gateway.asked.clear()
    mended = work.rejected_file.read_text().replace("bob", "bobby")
    work.rejected_file.write_text(mended)

    await job(work.rejected_file).run(each(gateway))

    assert gateway.asked == ["bobby"]


async def test_rows_may_move_about_and_are_still_known(write):
    gateway = Gateway("bob")
    await job(write(("ada", "hi", ""), ("bob", "hi", ""), ("ada", "hi", ""))).run(each(gateway))
    gateway.asked.clear()

    await job(write(("new", "hi", ""), ("ada", "hi", ""), ("ada", "hi", ""))).run(each(gateway))

    assert gateway.asked == ["new"]


async def test_the_same_row_twice_is_meant_twice(write):
    gateway = Gateway()
    work = job(write(("ada", "hi", ""), ("ada", "hi", "")))

    await work.run(each(gateway))

    assert gateway.asked == ["ada", "ada"]
    assert len({row.key for row in work.rows}) == 2


async def test_again_starts_over(write):
    gateway = Gateway("ada")
    path = write(("ada", "hi", ""))
    await job(path).run(each(gateway))

    work = job(path, again=True)
    await work.run(each(gateway))

    assert gateway.asked == ["ada", "ada"]
    assert len(rejected(work)) == 1


async def test_what_was_done_at_one_gateway_is_not_done_at_another(write):
    path = write(("ada", "hi", ""))
    await job(path, target="http://staging").run(each(Gateway()))

    with pytest.raises(BadFile, match=r"http://staging, and this is http://production"):
        job(path, target="http://production")


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 503])
async def test_a_refusal_that_is_not_about_the_row_stops_the_run(write, status):
    work = job(write(("ada", "hi", "")))

    async def refuse(number, row):
        raise Refused(status, "some_code", "not now")

    with pytest.raises(Refused):
        await work.run(each(refuse))

    assert work.done == 0
