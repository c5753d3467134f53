"""Redis in trouble: its disk full, its log cut off in the middle of a step."""

import asyncio
import contextlib
import os
import shutil
import subprocess

import aiohttp
import pytest
from asyncnotify.local.embedded_redis import EmbeddedRedis
from durable_queue.factory import open_queue
from durable_queue.port import Message
from notification_contracts.codec import encode
from notification_contracts.events import NotificationRequested
from notification_contracts.lanes import validation_lane
from notification_contracts.states import Priority, Status
from notification_contracts.trace_ids import new_trace_id
from notification_ledger.redis import RedisLedger, lua_recorder
from notification_ledger.status_update import StatusUpdate

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of its own, of 24 MiB."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(tmp_path)], check=False
    )
    if mounted.returncode:
        pytest.skip("no file system can be mounted here")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


@pytest.mark.parametrize("backing", ["redis"], indirect=True)
async def test_a_full_disk_is_503_at_the_gateway_and_all_goes_on_when_there_is_room(
    small_disk, start_system
):
    async with start_system() as system:
        before = await system.send()
        await system.until(before, "sent")
        filler = small_disk / "filler"
        with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"\0" * 4096):
                pass

        statuses = {await posted(system) for _ in range(40)}
        filler.unlink()
        async with asyncio.timeout(60):
            while await posted(system) != 202:
                await asyncio.sleep(0.2)

        assert 503 in statuses
        assert statuses <= {202, 503}
        await system.conserved()


async def posted(system):
    """Post one, once; return the status of the answer."""
    body = {"user_id": "ok", "message": "x" * 9_000}
    async with (
        aiohttp.ClientSession(system.harness.url) as http,
        http.post("/notifications", json=body) as answer,
    ):
        document = await answer.json(content_type=None)
    if answer.status == 202:
        system.promised.append(document["trace_id"])
    return answer.status


def message():
    event = NotificationRequested(user_id="user_test", message="hi")
    note = StatusUpdate(status=Status.QUEUED, user_id="user_test")
    return Message(
        id=new_trace_id(),
        lane=validation_lane(Priority.NORMAL),
        body=encode(event),
        note=note.encode(),
    )


@pytest.mark.parametrize("cut_bytes", [1, 60, 400, 1200])
async def test_a_log_that_was_cut_off_holds_no_half_notification(tmp_path, cut_bytes):
    server = EmbeddedRedis(tmp_path)
    await server.start()
    queue = open_queue(server.url, recorder=lua_recorder())
    sent = [message() for _ in range(20)]
    for each in sent:
        await queue.send(each)
    await queue.close()
    await server.kill()
    (log,) = (tmp_path / "appendonlydir").glob("*.incr.aof")
    with log.open("r+b") as file:
        file.truncate(log.stat().st_size - cut_bytes)

    await server.start()
    queue, ledger = open_queue(server.url, recorder=lua_recorder()), RedisLedger(server.url)
    lane = validation_lane(Priority.NORMAL)
    mended = await queue.heal()
    waiting = (await queue.depths([lane]))[lane].waiting
    records = [await ledger.get(each.id) for each in sent]
    await queue.close()
    await ledger.close()
    await server.stop()

    assert mended == 0
    assert waiting == sum(1 for record in records if record is not None)
    assert waiting >= len(sent) - 3
