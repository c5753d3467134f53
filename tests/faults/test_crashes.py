"""A process that dies at a named line: nothing is lost, and at most the last send is repeated."""

import asyncio
import os
import signal

import aiohttp
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]


@pytest.mark.parametrize(
    ("failpoint", "copies"),
    [
        ("worker.after_receive", 1),
        ("worker.after_start", 1),
        ("provider.after_accept", 2),
        ("worker.after_settle", 1),
    ],
)
async def test_a_dispatcher_that_dies_at_any_line_loses_nothing(idle_system, failpoint, copies):
    await dies_and_is_survived(idle_system, failpoint, copies)


@pytest.mark.parametrize("backing", ["redis"], indirect=True)
async def test_a_popped_ticket_is_not_lost_with_who_popped_it(idle_system):
    await dies_and_is_survived(idle_system, "worker.after_pop", 1)


@pytest.mark.parametrize("backing", ["rabbitmq", "rabbitmq-memory"], indirect=True)
@pytest.mark.parametrize("failpoint", ["queue.after_decide", "queue.after_put"])
async def test_a_verdict_is_carried_out_though_who_gave_it_died(idle_system, failpoint):
    # One that also delivers would go on with it, and put nothing into another queue.
    await dies_and_is_survived(idle_system, failpoint, 1, DISPATCHER_STAGES="validation")


async def dies_and_is_survived(idle_system, failpoint, copies, **environment):
    trace_id = await idle_system.send()

    await idle_system.dies_at(failpoint, **environment)
    await idle_system.dispatcher()
    notification = await idle_system.until(trace_id)

    assert notification["status"] == "sent"
    assert notification["attempts"] == 1
    assert idle_system.copies(trace_id) == copies


async def test_a_crash_is_told_in_the_timeline(idle_system):
    trace_id = await idle_system.send()

    await idle_system.dies_at("worker.after_start")
    await idle_system.dispatcher()
    notification = await idle_system.until(trace_id)

    told = [(entry["status"], entry["reason"]) for entry in notification["timeline"]]
    assert told == [
        ("queued", None),
        ("validated", None),
        ("sending", None),
        ("validated", "lease_lost"),
        ("sending", None),
        ("sent", None),
    ]


@pytest.mark.parametrize(
    ("failpoint", "copies"), [("worker.after_start", 0), ("provider.after_accept", 1)]
)
async def test_a_channel_that_holds_never_sends_twice(idle_system, failpoint, copies):
    trace_id = await idle_system.send()

    await idle_system.dies_at(failpoint, EMAIL_ON_AMBIGUOUS="hold")
    await idle_system.dispatcher(EMAIL_ON_AMBIGUOUS="hold")
    notification = await idle_system.until(trace_id)

    assert (notification["status"], notification["reason"]) == ("failed", "ambiguous")
    assert idle_system.copies(trace_id) == copies


async def test_a_provider_that_can_tell_gets_it_once_though_its_sender_died(idle_system):
    settings = {"EMAIL_PROVIDERS": "fake://?repeating=askable", "EMAIL_ON_AMBIGUOUS": "hold"}
    trace_id = await idle_system.send()

    await idle_system.dies_at("provider.after_accept", **settings)
    await idle_system.dispatcher(**settings)
    notification = await idle_system.until(trace_id)

    assert notification["status"] == "sent"
    assert idle_system.copies(trace_id) == 1


async def test_cancelled_after_a_crash_says_that_it_may_have_been_sent(idle_system):
    trace_id = await idle_system.send()
    await idle_system.dies_at("provider.after_accept")
    await idle_system.dies_at("worker.after_receive")  # whoever took it back

    async with idle_system.http.delete(f"/notifications/{trace_id}") as answer:
        cancelled = await answer.json()

    assert (answer.status, cancelled["status"], cancelled["reason"]) == (
        200,
        "cancelled",
        "ambiguous",
    )
    assert "sending" in [entry["status"] for entry in cancelled["timeline"]]
    assert idle_system.copies(trace_id) == 1


# A second publisher needs a ledger that both can reach.
@pytest.mark.parametrize("backing", ["redis", "rabbitmq"], indirect=True)
@pytest.mark.parametrize("failpoint", ["publish.before_write", "publish.after_write"])
async def test_a_publisher_that_dies_while_accepting_never_makes_two(idle_system, failpoint):
    doomed = await idle_system.harness.start_another(
        "notification-publisher", AN_FAILPOINT=f"{failpoint}:exit"
    )
    while not await doomed.program.is_ready():
        await asyncio.sleep(0.05)
    body, headers = {"user_id": "ok", "message": "hi"}, {"Idempotency-Key": failpoint}
    before = sum(idle_system.received().values())

    with pytest.raises(aiohttp.ClientError):
        async with aiohttp.ClientSession(doomed.url) as http:
            await http.post("/notifications", json=body, headers=headers)
    _, first = await idle_system.post(key=failpoint)
    _, second = await idle_system.post(key=failpoint)
    await idle_system.dispatcher()
    await idle_system.until(first["trace_id"])

    assert first["trace_id"] == second["trace_id"]
    assert sum(idle_system.received().values()) - before == 1


async def test_sigterm_lets_a_running_send_finish(idle_system):
    worker = await idle_system.dispatcher()
    [trace_id] = await idle_system.sending()

    os.kill(worker.program.pid, signal.SIGTERM)
    os.kill(worker.program.pid, signal.SIGTERM)
    async with asyncio.timeout(60):
        exit_code = await worker.program.wait()

    assert exit_code == 0
    assert (await idle_system.get(trace_id))["status"] == "sent"
    assert idle_system.copies(trace_id) == 1


async def test_a_frozen_worker_that_wakes_up_overwrites_nothing(idle_system):
    frozen = await idle_system.dispatcher()
    [trace_id] = await idle_system.sending()

    os.kill(frozen.program.pid, signal.SIGSTOP)
    await idle_system.dispatcher()
    first_end = await idle_system.until(trace_id)
    os.kill(frozen.program.pid, signal.SIGCONT)
    await asyncio.sleep(3)

    assert first_end["status"] == "sent"
    assert (await idle_system.get(trace_id)) == first_end


async def test_three_dispatchers_share_the_work_and_one_is_killed(idle_system):
    dispatchers = [await idle_system.dispatcher() for _ in range(3)]
    for each in dispatchers:
        while not await each.program.is_ready():
            await asyncio.sleep(0.05)
    trace_ids = await asyncio.gather(*(idle_system.send() for _ in range(300)))
    async with asyncio.timeout(60):
        while not all([await handled(each.url) for each in dispatchers]):
            trace_ids.append(await idle_system.send())
    trace_ids += await idle_system.sending(30)

    os.kill(dispatchers[0].program.pid, signal.SIGKILL)
    notifications = await asyncio.gather(*(idle_system.until(each) for each in trace_ids))

    assert {each["status"] for each in notifications} == {"sent"}
    repeated = [each for each in notifications if idle_system.copies(each["trace_id"]) > 1]
    assert all("lease_lost" in {it["reason"] for it in each["timeline"]} for each in repeated)


async def handled(url):
    """Return how many notifications a dispatcher has handled so far."""
    async with aiohttp.ClientSession(url) as http, http.get("/metrics") as answer:
        lines = (await answer.text()).splitlines()
    counts = [line for line in lines if line.startswith("dispatcher_notifications_total{")]
    return sum(float(line.rsplit(" ", 1)[1]) for line in counts)
