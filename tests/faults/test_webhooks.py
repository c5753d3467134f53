"""Status webhooks of a whole system: real receivers that fail, hang and want no more; and kills."""

import asyncio
from collections import defaultdict, deque

import pytest
import pytest_asyncio
from asyncnotify_prove.backing import Backing
from asyncnotify_prove.faults import Fault, PlannedFault
from standardwebhooks.webhooks import Webhook
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from testkit.http import live_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

SETTINGS = {
    "STATUS_WEBHOOK_NETWORKS": "127.0.0.0/8",
    "STATUS_WEBHOOK_RETRY_SCHEDULE": "0.2s,0.2s,0.2s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s,1s",
    "STATUS_WEBHOOK_TIMEOUT_SECONDS": "20",
    "PROVIDER_BREAKER_SECONDS": "0.5",
}
NOTIFICATIONS = 12


class Receivers:
    """Many receivers in one server, by path; each takes what comes, unless it is told otherwise."""

    def __init__(self):
        self.url = ""
        self.answers = defaultdict(deque)
        self.held = asyncio.Event()
        self.arrived = defaultdict(list)
        self.secrets = {}
        self.app = Starlette(routes=[Route("/{name}", self.take, methods=["POST"])])

    async def take(self, request):
        name = request.path_params["name"]
        said = Webhook(self.secrets[name]).verify((await request.body()).decode(), request.headers)
        self.arrived[name].append((request.headers["webhook-id"], said))
        answers = self.answers[name]
        answer = answers.popleft() if answers else 204
        if answer == "hang":
            await self.held.wait()
            answer = 204
        return Response(status_code=answer)

    async def until(self, name, holds):
        """Wait until what arrived holds."""
        async with asyncio.timeout(60):
            while not holds(self.arrived[name]):
                await asyncio.sleep(0.02)

    def told(self, name):
        """Say what arrived first of each event, by trace id."""
        found, seen = defaultdict(list), set()
        for event_id, said in self.arrived[name]:
            if event_id not in seen:
                seen.add(event_id)
                found[said["data"]["trace_id"]].append(said["data"]["status"])
        return found


@pytest.fixture(scope="module")
def backing():
    return Backing()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_system(backing, tmp_path_factory, start):
    async with start(tmp_path_factory.mktemp("system"), backing, **SETTINGS) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def receivers(shared_system):
    receivers = Receivers()
    async with live_server(receivers.app) as url:
        receivers.url = url
        yield receivers
        receivers.held.set()
        async with shared_system.http.get("/webhooks") as answer:
            for made in (await answer.json())["items"]:
                await shared_system.http.delete(f"/webhooks/{made['id']}")


async def register(system, receivers, name, **asked):
    """Make a webhook; return its path."""
    body = {"url": f"{receivers.url}/{name}"} | asked
    async with system.http.post("/webhooks", json=body) as answer:
        assert answer.status == 201, await answer.text()
        made = await answer.json()
    receivers.secrets[name] = made["secret"]
    return f"/webhooks/{made['id']}"


async def shown(system, path):
    async with system.http.get(path) as answer:
        return await answer.json()


async def attempted(system, path, count):
    """Wait until so many attempts are in a webhook's history: each is noted after its answer."""
    async with asyncio.timeout(60):
        while len(attempts := (await shown(system, f"{path}/attempts"))["items"]) < count:
            await asyncio.sleep(0.02)
    return attempts


def has_ended(trace_ids):
    """Say whether the end of each of these has arrived."""

    def holds(arrived):
        ended = {
            said["data"]["trace_id"] for _, said in arrived if said["data"]["status"] == "sent"
        }
        return ended >= set(trace_ids)

    return holds


async def test_whatever_is_killed_every_change_arrives_in_its_order(shared_system, receivers):
    await register(shared_system, receivers, "all")
    trace_ids = []
    for kill in (Fault.KILL_PUBLISHER, Fault.KILL_DISPATCHER, Fault.KILL_BROKER):
        for _ in range(NOTIFICATIONS // 3):
            status, answer = await shared_system.post()
            if status == 202:
                trace_ids.append(answer["trace_id"])
        await shared_system.harness.do(PlannedFault(at_seconds=0, fault=kill))

    for trace_id in trace_ids:
        await shared_system.until(trace_id)
    await receivers.until("all", has_ended(trace_ids))

    told = receivers.told("all")
    for trace_id in trace_ids:
        timeline = (await shared_system.get(trace_id))["timeline"]
        assert told[trace_id] == [entry["status"] for entry in timeline]


async def test_one_that_fails_hears_the_same_again_and_one_that_hangs_holds_up_nobody(
    shared_system, receivers
):
    failing = await register(shared_system, receivers, "failing", statuses=["sending", "sent"])
    await register(shared_system, receivers, "hanging")
    await register(shared_system, receivers, "well")
    receivers.answers["failing"].extend([503, 500])
    receivers.answers["hanging"].extend(["hang"] * 50)
    trace_ids = [await shared_system.send() for _ in range(NOTIFICATIONS)]

    await receivers.until("well", has_ended(trace_ids))
    await receivers.until("failing", has_ended(trace_ids))

    ids = [event_id for event_id, _ in receivers.arrived["failing"]]
    assert len(ids) == 2 * NOTIFICATIONS + 2
    assert len(set(ids)) == 2 * NOTIFICATIONS
    assert {tuple(each) for each in receivers.told("failing").values()} == {("sending", "sent")}
    attempts = await attempted(shared_system, failing, 2 * NOTIFICATIONS + 2)
    assert sorted(each["status_code"] for each in attempts) == [204] * 2 * NOTIFICATIONS + [
        500,
        503,
    ]
    receivers.held.set()
    await receivers.until("hanging", has_ended(trace_ids))


async def test_one_that_is_gone_is_told_nothing_more_and_operators_are(shared_system, receivers):
    gone = await register(shared_system, receivers, "gone")
    await register(shared_system, receivers, "operators", events=["webhook.disabled"])
    receivers.answers["gone"].append(410)
    await shared_system.send()
    await receivers.until("operators", bool)

    [(_, told)] = receivers.arrived["operators"]
    endpoint = await shown(shared_system, gone)
    assert (endpoint["is_enabled"], endpoint["disabled_reason"]) == (False, "gone")
    assert told["type"] == "webhook.disabled"
    assert (told["data"]["webhook"], told["data"]["reason"]) == (endpoint["id"], "gone")
    assert len(receivers.arrived["gone"]) == 1


async def test_a_test_and_a_repetition_arrive_and_are_in_the_history(shared_system, receivers):
    path = await register(shared_system, receivers, "tried", events=["webhook.disabled"])
    async with shared_system.http.post(f"{path}/test") as answer:
        webhook_id = (await answer.json())["webhook_id"]
    await receivers.until("tried", bool)
    attempts = await attempted(shared_system, path, 1)
    async with shared_system.http.post(f"{path}/attempts/{attempts[0]['id']}/resend") as answer:
        assert answer.status == 202
    await receivers.until("tried", lambda arrived: len(arrived) == 2)

    assert {event_id for event_id, _ in receivers.arrived["tried"]} == {webhook_id}
    assert {said["type"] for _, said in receivers.arrived["tried"]} == {"webhook.test"}
