import asyncio
import os
import sys
from datetime import UTC, datetime, timedelta

import pytest
from asyncnotify.local.embedded_redis import EmbeddedRedis
from redis.asyncio import Redis

HOUR = timedelta(hours=1)
JUMPS = pytest.mark.parametrize("jump", [HOUR, -HOUR], ids=["forward", "back"])
PROGRAM = """
import asyncio, sys, time
import uvloop

async def main():
    loop = asyncio.get_running_loop()
    while sys.stdin.readline():
        began = time.monotonic(), loop.time()
        await asyncio.sleep(0.05)
        slept = time.monotonic() - began[0], loop.time() - began[1]
        print(time.time(), *slept, flush=True)

{run}(main())
"""


def off_by(shown, truth):
    return abs(timedelta(seconds=shown) - truth) < timedelta(minutes=10)


@JUMPS
@pytest.mark.parametrize("run", ["asyncio.run", "uvloop.run"])
async def test_a_python_process_sees_the_jump_and_its_timers_do_not(wall_clock, run, jump):
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROGRAM.format(run=run)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | wall_clock.environment,
    )

    async def look():
        process.stdin.write(b"\n")
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        shown, *slept = map(float, line.split())
        return timedelta(seconds=shown - datetime.now(UTC).timestamp()).total_seconds(), slept

    before, _ = await look()
    wall_clock.set(jump)
    after, slept = await look()
    process.stdin.close()
    await process.wait()

    assert off_by(before, timedelta(0))
    assert off_by(after, jump)
    assert all(0.04 < seconds < 600 for seconds in slept)


@JUMPS
async def test_a_redis_server_sees_the_jump_and_its_timeouts_do_not(tmp_path, wall_clock, jump):
    server = EmbeddedRedis(tmp_path / "redis", environment=wall_clock.environment)
    await server.start()

    async def shown(connection):
        seconds, _ = await connection.time()
        return seconds - datetime.now(UTC).timestamp()

    async with Redis.from_url(server.url) as connection:
        before = await shown(connection)
        wall_clock.set(jump)
        after = await shown(connection)
        popped = await asyncio.wait_for(connection.blpop(["nothing"], 0.2), 60)
    await server.stop()

    assert off_by(before, timedelta(0))
    assert off_by(after, jump)
    assert popped is None
