"""When lines are written, and that none is lost, moved, or in the way of the work."""

import asyncio
import io
import json
import logging
import subprocess
import sys
import threading
from contextlib import redirect_stdout
from select import PIPE_BUF

import pytest
from service_kit.logs import (
    PreparedLine,
    bound_contextvars,
    configure_logging,
    get_logger,
    write_waiting_lines,
)


class Written(io.BytesIO):
    """Counts what is written to it, each time as the numbers in the lines."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[list[int]] = []
        self.text: io.TextIOWrapper | None = None

    def write(self, data) -> int:
        self.writes.append([json.loads(line).get("n", 0) for line in bytes(data).splitlines()])
        return super().write(data)


@pytest.fixture
def written(logged) -> Written:
    """Log to this instead."""
    stream = Written()
    with redirect_stdout(io.TextIOWrapper(stream, write_through=True)) as text:
        configure_logging("kit", format="json", level="INFO")
        stream.text = text  # or it would close the stream
    return stream


async def test_the_lines_of_one_turn_are_one_write(written):
    log, line = get_logger("kit.tests"), PreparedLine("kit.tests", "thing.done")
    log.info("thing.done", n=1)
    line.write({"n": 2})
    logging.getLogger("some.library").info("it says so")
    log.info("thing.done", n=3)
    assert written.writes == []

    await asyncio.sleep(0)
    line.write({"n": 4})
    await asyncio.sleep(0)
    assert written.writes == [[1, 2, 0, 3], [4]]


@pytest.mark.parametrize("level", ["warning", "error", "critical", "exception"])
async def test_what_is_urgent_is_written_at_once_after_what_came_before(written, level):
    log = get_logger("kit.tests")
    log.info("thing.done", n=1)
    getattr(log, level)("thing.failed", n=2)
    assert written.writes == [[1, 2]]

    log.info("thing.done", n=3)
    await asyncio.sleep(0)
    assert written.writes == [[1, 2], [3]]


async def test_another_thread_writes_at_once_and_keeps_the_order(written):
    log = get_logger("kit.tests")
    log.info("thing.done", n=1)
    thread = threading.Thread(target=log.info, args=("thing.done",), kwargs={"n": 2})
    thread.start()
    thread.join()

    assert written.writes == [[1, 2]]


def test_what_the_last_turn_of_a_loop_left_comes_before_what_is_logged_next(written):
    log = get_logger("kit.tests")

    async def work(n: int) -> None:
        await asyncio.sleep(0)
        log.info("thing.done", n=n)

    loop = asyncio.new_event_loop()
    task = loop.create_task(work(1))
    task.add_done_callback(lambda _: loop.stop())
    loop.run_forever()
    loop.close()
    log.info("thing.done", n=2)
    asyncio.run(work(3))
    write_waiting_lines()

    assert [n for numbers in written.writes for n in numbers] == [1, 2, 3]


@pytest.mark.parametrize("end", ["sys.exit(7)", "raise SystemExit(7)", "loop.stop()"])
def test_an_exit_right_after_a_line_loses_nothing(end):
    program = f"""
import asyncio, sys
from service_kit.logs import PreparedLine, configure_logging, get_logger
configure_logging("kit", format="json", level="INFO")
async def main():
    get_logger("kit.tests").info("thing.done")
    PreparedLine("kit.tests", "thing.prepared").write({{"n": 1}})
    loop = asyncio.get_running_loop()
    {end}
try:
    asyncio.run(main())
except RuntimeError:
    pass
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)

    events = [json.loads(line)["event"] for line in ended.stdout.splitlines()]
    assert events == ["thing.done", "thing.prepared"]


@pytest.mark.parametrize("output", ["os.close(1)", "os.dup2(os.open('/dev/full', os.O_WRONLY), 1)"])
def test_an_output_that_takes_nothing_fails_no_work(output):
    program = f"""
import asyncio, os
from service_kit.logs import PreparedLine, configure_logging, get_logger
configure_logging("kit", format="json", level="INFO")
{output}
async def main():
    for _ in range(3):
        get_logger("kit.tests").info("thing.done")
        PreparedLine("kit.tests", "thing.done").write({{"n": 1}})
        get_logger("kit.tests").warning("thing.failed")
        await asyncio.sleep(0)
asyncio.run(main())
os._exit(7)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 7


def test_a_prepared_line_is_as_any_other(logged):
    fields = {"request_id": "r", "odd": "\ud800", "n": float("nan"), "bytes": b"\xff"}
    get_logger("kit.tests").info("thing.done", **fields)
    with bound_contextvars(trace_id="not looked at"):
        PreparedLine("kit.tests", "thing.done").write(fields)

    one, other = logged()
    del one["timestamp"], other["timestamp"]
    assert one == other


@pytest.mark.parametrize(("level", "expected"), [("INFO", 1), ("WARNING", 0)])
def test_a_prepared_line_heeds_level_and_format(capsys, level, expected):
    configure_logging("kit", format="console", level=level)
    PreparedLine("kit.tests", "thing.done").write({"n": 1})

    said = capsys.readouterr().out
    assert said.count("thing.done") == expected
    assert said.count("{") == 0


async def test_what_a_pipe_does_not_take_as_a_whole_is_written_in_whole_lines(written):
    log = get_logger("kit.tests")
    for n in range(100):
        log.info("thing.done", n=n, text="x" * (5000 if n == 50 else 100))
    await asyncio.sleep(0)

    assert [n for each in written.writes for n in each] == list(range(100))
    assert [each for each in written.writes if 50 in each] == [[50]]
    assert 100 / len(written.writes) > 10
    sizes = [len(each) for each in written.getvalue().splitlines(keepends=True)]
    for numbers in written.writes:
        assert sum(sizes[n] for n in numbers) <= PIPE_BUF or numbers == [50]
