import csv

import pytest
from asyncnotify.csv_job import CsvJob
from asyncnotify.errors import Refused


def job(path, *, patience_seconds=0):
    required, allowed = ("user_id", "message"), ("user_id", "message", "channel")
    loaded = CsvJob(path, required, allowed, patience_seconds=patience_seconds)
    loaded.load()
    return loaded


def rejected(work):
    return list(csv.reader(work.rejected_file.read_text().splitlines()))[1:]


async def test_rows_that_are_refused_for_now_are_tried_again_and_the_others_are_done(write):
    work = job(write(*((name, "hi", "") for name in "abc")), patience_seconds=60)
    full, said, asked = {"b": 2}, [], []
    work.on_wait = said.append

    def answer(row):
        asked.append(name := row.cells["user_id"])
        if not full.get(name, 0):
            return None
        full[name] -= 1
        return Refused(503, "queue_full", "too many wait", retry_after_seconds=0.01)

    async def sometimes_full(rows):
        return [answer(row) for row in rows]

    await work.run(sometimes_full)

    assert (work.done, work.rejected) == (3, 0)
    assert asked == ["a", "b", "c", "b", "b"]
    assert said == ["too many wait"] * 2


@pytest.mark.parametrize("status", [429, 503])
async def test_a_batch_that_is_refused_whole_for_now_is_tried_again(write, status):
    work = job(write(("ada", "hi", ""), ("bob", "hi", "")), patience_seconds=60)
    tries = []

    async def busy_at_first(rows):
        tries.append(len(rows))
        if len(tries) < 3:
            raise Refused(status, "busy", "not now", retry_after_seconds=0.01)
        return [None] * len(rows)

    await work.run(busy_at_first)

    assert (tries, work.done) == ([2, 2, 2], 2)


async def test_which_row_a_batch_is_refused_for_is_found_out(write):
    work = job(write(*((f"user-{number}", "hi", "") for number in range(5))))
    done = []

    async def refuse_the_third(rows):
        if any(row.line == 4 for row in rows):
            raise Refused(413, "body_too_large", "too large")
        done.extend(row.line for row in rows)
        return [None] * len(rows)

    await work.run(refuse_the_third)

    assert done == [2, 3, 5, 6]
    assert [row[3:] for row in rejected(work)] == [["4", "too large"]]


async def test_a_line_that_can_not_be_read_is_written_down_as_it_is(write):
    path = write()
    path.write_text('user_id,message\nada,say "hi"\nbob,"say "hi""\ncleo,hi\n')
    work, asked = job(path), []

    async def take(rows):
        asked.extend(row.cells["user_id"] for row in rows)
        return [None] * len(rows)

    await work.run(take)

    assert asked == ["ada", "cleo"]
    [(*cells, line, fault)] = rejected(work)
    assert (cells, line) == (["", "", ""], "3")
    assert fault.endswith(': bob,"say "hi""')
    assert job(path).done == 3


async def test_no_batch_is_larger_than_proxies_let_pass(write):
    work = job(write(*((f"user-{number}", "ж" * 9_000, "") for number in range(60))))
    sizes = []

    async def measure(rows):
        sizes.append(sum(len(row.cells["message"].encode()) for row in rows))
        return [None] * len(rows)

    await work.run(measure)

    assert work.done == 60
    assert max(sizes) < 512 * 1024
