import asyncio
import os
import subprocess
import sys
import time

import pytest
from service_kit.failpoints import FailpointTripped, afailpoint, armed, failpoint


async def test_an_unarmed_failpoint_does_nothing():
    failpoint("worker.after_claim")
    await afailpoint("worker.after_claim")


def test_raise_raises_at_its_own_name_only():
    with armed("worker.after_claim:raise"):
        failpoint("worker.before_ack")

        with pytest.raises(FailpointTripped, match=r"worker\.after_claim"):
            failpoint("worker.after_claim")


async def test_raise_raises_from_an_asynchronous_failpoint_too():
    with armed("a:raise"), pytest.raises(FailpointTripped):
        await afailpoint("a")


def test_sleep_blocks_the_caller():
    with armed("a:sleep=0.05"):
        started = time.monotonic()
        failpoint("a")

    assert time.monotonic() - started >= 0.05


async def test_an_asynchronous_sleep_leaves_the_loop_free():
    with armed("a:sleep=0.05"):
        sleeping = asyncio.create_task(afailpoint("a"))
        await asyncio.sleep(0)

        assert not sleeping.done()
        await sleeping


def test_failpoints_are_inert_again_after_the_block():
    with armed("a:raise"):
        pass

    failpoint("a")


@pytest.mark.parametrize("plan", ["a", "a:boom", "a:sleep", "a:sleep=soon", "a:exit=3", ":"])
def test_a_plan_that_makes_no_sense_is_refused(plan):
    with pytest.raises(ValueError, match=r"not a failpoint|could not convert"), armed(plan):
        pass


def test_exit_ends_a_process_as_hard_as_a_kill():
    program = """
import atexit
from service_kit.failpoints import failpoint
atexit.register(print, "tidied up")
failpoint("other")
failpoint("worker.after_claim")
print("survived")
"""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "AN_FAILPOINT": "worker.after_claim:exit; other:sleep=0"},
        capture_output=True,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (137, b"")
