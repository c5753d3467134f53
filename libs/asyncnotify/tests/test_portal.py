"""The thread in which the client that waits has its event loop."""

import asyncio
import threading

import pytest
from asyncnotify.portal import LoopThread

UNTIL_THEN = 60


async def nothing():
    pass


def test_it_is_stopped_from_its_own_thread_too_as_the_garbage_collector_may():
    thread = LoopThread("stops itself")
    [running] = [each for each in threading.enumerate() if each.name == "stops itself"]

    async def stop():
        thread.stop(nothing())
        await asyncio.sleep(3600)

    with pytest.raises(RuntimeError, match="closed"):
        thread.run(stop())
    running.join(UNTIL_THEN)

    assert not running.is_alive()
    with pytest.raises(RuntimeError, match="closed"):
        thread.run(nothing())


def test_an_error_of_the_last_thing_does_not_keep_it_alive():
    thread = LoopThread("fails at last")

    async def fail():
        raise OSError("no")

    thread.stop(fail())

    assert "fails at last" not in [each.name for each in threading.enumerate()]
