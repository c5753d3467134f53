import asyncio
from datetime import timedelta

import pytest
from service_kit import lifecycle
from service_kit.lifecycle import BackgroundTasks, LoopDown, Stopping


async def test_loops_run_until_they_are_stopped():
    turns = 0

    async def loop(stopping: Stopping) -> None:
        nonlocal turns
        while not stopping.is_set():
            turns += 1
            await asyncio.sleep(0)

    tasks = BackgroundTasks(("loop", loop))
    await tasks.start()
    await asyncio.sleep(0.01)
    await tasks.stop()
    turns_at_stop = turns
    await asyncio.sleep(0.01)

    assert turns == turns_at_stop > 1


async def test_a_crashed_loop_is_logged_once_and_run_again(logged):
    runs = asyncio.Queue()

    async def loop(stopping: Stopping) -> None:
        await runs.put(None)
        if runs.qsize() == 1:
            raise ValueError("boom")
        await stopping.wait()

    tasks = BackgroundTasks(("loop", loop))
    await tasks.start()
    while runs.qsize() < 2:
        await asyncio.sleep(0.01)
    await tasks.stop()

    [line] = [line for line in logged() if line["event"] == "background.crashed"]
    assert (line["task"], line["why"]) == ("loop", "ValueError")
    assert line["exception"].endswith("ValueError: boom")


async def test_each_restart_waits_twice_as_long_as_the_one_before():
    started: list[float] = []

    async def loop(_: Stopping) -> None:
        started.append(asyncio.get_running_loop().time())
        raise ValueError("boom")

    tasks = BackgroundTasks(("loop", loop))
    await tasks.start()
    while len(started) < 3:
        await asyncio.sleep(0.01)
    await tasks.stop()

    first, second = started[1] - started[0], started[2] - started[1]
    assert first > 0.09
    assert second > 0.19


async def test_one_crash_leaves_the_other_loops_alone():
    async def crash(_: Stopping) -> None:
        raise ValueError("boom")

    async def steady(stopping: Stopping) -> None:
        await stopping.wait()
        stopped.set()

    stopped = asyncio.Event()
    tasks = BackgroundTasks(("crash", crash), ("steady", steady))
    await tasks.start()
    await asyncio.sleep(0.01)
    assert not stopped.is_set()

    await tasks.stop()
    assert stopped.is_set()


async def test_a_loop_that_ends_by_itself_is_run_again(logged):
    runs = 0

    async def loop(_: Stopping) -> None:
        nonlocal runs
        runs += 1

    tasks = BackgroundTasks(("loop", loop))
    await tasks.start()
    while runs < 2:
        await asyncio.sleep(0.01)
    await tasks.stop()

    line = next(line for line in logged() if line["event"] == "background.crashed")
    assert line["why"] == "ended"
    assert "exception" not in line


async def test_a_loop_that_cancels_itself_is_run_again():
    runs = 0

    async def loop(_: Stopping) -> None:
        nonlocal runs
        runs += 1
        raise asyncio.CancelledError

    tasks = BackgroundTasks(("loop", loop))
    await tasks.start()
    while runs < 2:
        await asyncio.sleep(0.01)
    await tasks.stop()


async def test_a_loop_that_will_not_stop_is_cancelled_after_the_grace(logged):
    async def stubborn(_: Stopping) -> None:
        await asyncio.sleep(3600)

    tasks = BackgroundTasks(("stubborn", stubborn), grace=timedelta(milliseconds=20))
    await tasks.start()
    await asyncio.sleep(0)
    await tasks.stop()

    assert [line["event"] for line in logged()] == ["background.cancelled"]


async def test_stopping_during_a_backoff_does_not_wait_it_out(monkeypatch):
    monkeypatch.setattr(lifecycle, "FIRST_BACKOFF", timedelta(minutes=1))

    async def crash(_: Stopping) -> None:
        raise ValueError("boom")

    tasks = BackgroundTasks(("crash", crash))
    await tasks.start()
    await asyncio.sleep(0.01)

    async with asyncio.timeout(60):
        await tasks.stop()


async def test_health_names_the_loop_that_is_down():
    async def crash(_: Stopping) -> None:
        raise ValueError("boom")

    async def steady(stopping: Stopping) -> None:
        await stopping.wait()

    tasks = BackgroundTasks(("crash", crash), ("steady", steady))
    await tasks.start()
    await asyncio.sleep(0.01)

    with pytest.raises(LoopDown, match="crash: ValueError"):
        await tasks.check()
    await tasks.stop()


async def test_health_is_fine_while_all_loops_run():
    async def steady(stopping: Stopping) -> None:
        await stopping.wait()

    tasks = BackgroundTasks(("steady", steady))
    await tasks.start()

    assert await tasks.check() == {"steady": "running"}
    await tasks.stop()


async def test_stopping_what_never_started_is_fine():
    await BackgroundTasks().stop()


async def test_loops_stop_with_the_process_while_the_server_still_waits_for_its_connections():
    has_begun, has_stopped, stopping = asyncio.Event(), asyncio.Event(), Stopping()

    async def loop(told: Stopping) -> None:
        has_begun.set()
        await told.wait()
        has_stopped.set()

    tasks = BackgroundTasks(("loop", loop), stopping=stopping)
    await tasks.start()
    async with asyncio.timeout(60):
        await has_begun.wait()
        stopping.set()
        await has_stopped.wait()
    await tasks.stop()
