"""A service as several processes on one port."""

import asyncio
import os
import re
import signal
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from asyncnotify.local.ports import free_port
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client import Counter as Count
from prometheus_client.exposition import generate_latest
from service_kit.http.worker_metrics import SummedMetrics, merged, snapshot_of

HTTP = 'http_requests_total{method="GET",route="/health/live",service="kit",status="200"}'


async def asked(url, path="/health/live", times=1):
    """Ask so often, each time on a new connection; return the last answer."""
    for _ in range(times):
        async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as client:
            answer = await client.get(path)
    return answer


async def count_at(url):
    text = (await asked(url, "/metrics")).text
    return float(next(line for line in text.splitlines() if line.startswith(HTTP)).split()[-1])


async def until(process, event, count):
    return [await process.until(event) for _ in range(count)]


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def worker_pids(pid):
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(each) for each in children.split()]


async def test_workers_share_a_port_and_what_they_count_and_one_that_dies_is_started_again(run):
    process = await run(0, workers=2)
    url = (await process.until("service.ready"))["url"]
    assert Counter(process.events)["worker.ready"] == 2
    first = worker_pids(process.pid)
    assert len(first) == 2

    # 2 in 2^40: all of them by one of the two.
    await asked(url, times=40)
    assert await count_at(url) == 40

    os.kill(first[0], signal.SIGKILL)
    died = await process.until("worker.died")
    assert (died["pid"], died["exit_code"]) == (first[0], -signal.SIGKILL)
    await process.until("worker.ready")
    await asked(url, times=10)
    assert await count_at(url) == 50
    ready = (await asked(url, "/health/ready")).json()
    assert ready["checks"]["workers"] == {"status": "ok", "serving": "2 of 2"}

    pids = worker_pids(process.pid)
    process.tell(signal.SIGTERM)
    assert await process.ended() == 0
    assert not any(map(is_alive, pids))
    # The one that was killed closed nothing.
    assert Counter(process.events) >= Counter({"door.closed": 2, "service.stopped": 3})


async def test_a_worker_that_can_not_start_ends_all(run):
    process = await run(free_port(), "stuck", workers=2)

    assert await process.ended() == 1
    assert "service.ready" not in process.events


async def test_a_port_that_is_taken_ends_all(run):
    port = free_port()
    first = await run(port)
    await first.until("service.ready")

    second = await run(port, workers=2)

    assert await second.ended() == 1
    assert "can't listen" in await second.said_on_stderr()


async def test_workers_end_with_their_supervisor_and_leave_nothing_behind(run, monkeypatch):
    with TemporaryDirectory() as name:  # a short one: sockets are in there
        monkeypatch.setenv("TMPDIR", name)
        folder = Path(name)
        process = await run(0, workers=2)
        await process.until("service.ready")
        pids = worker_pids(process.pid)
        assert list(folder.iterdir())

        process.tell(signal.SIGKILL)

        async with asyncio.timeout(60):
            while any(map(is_alive, pids)):
                await asyncio.sleep(0.05)
        assert list(folder.iterdir()) == []


async def test_workers_find_each_other_however_long_the_name_of_tmpdir_is(
    run, tmp_path, monkeypatch
):
    (long := tmp_path / ("t" * 80)).mkdir()
    monkeypatch.setenv("TMPDIR", str(long))

    process = await run(0, workers=2)

    url = (await process.until("service.ready"))["url"]
    checks = (await asked(url, "/health/ready")).json()["checks"]
    assert checks["workers"]["serving"] == "2 of 2"


async def test_one_worker_is_this_very_process(run):
    process = await run(0)
    url = (await process.until("service.ready"))["url"]

    assert worker_pids(process.pid) == []
    assert "workers" not in (await asked(url, "/health/ready")).json()["checks"]


def test_counts_are_added_and_of_gauges_the_largest_counts():
    def registry(counted, depth):
        registry = CollectorRegistry()
        Count("done", "What was done.", ("kind",), registry=registry).labels("a").inc(counted)
        Gauge("depth", "What waits.", registry=registry).set(depth)
        return registry

    both = merged(snapshot_of(registry(*values)) for values in ((2, -5), (3, -7)))
    text = generate_latest(SummedMetrics(both)).decode()

    assert re.search(r'^done_total\{kind="a"\} 5.0$', text, re.MULTILINE)
    assert re.search(r"^depth -5.0$", text, re.MULTILINE)
    assert "# TYPE done_total counter" in text
