"""Faults built into the product on purpose, to see that the proof finds each of them."""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import durable_queue
import pytest
from asyncnotify_prove.backing import Backing

LUA = "redis_list/lua"
SOMETIMES = "local _ = redis.call('INCR', P .. ':mutant') % {} ~= 0 and "


@dataclass(frozen=True)
class Mutant:
    """What is changed in one file of the queue, in which plan it shows, and as what.

    `also` is another file in which the same is changed.
    """

    file: str
    changes: Sequence[tuple[str, str]]
    plan: str
    found_as: str
    also: str | None = None


FENCE = "not is_held(m, token)"
LOST_LEASE = "unshift(m, lane)"

# Workers take them in pairs: of those that take longest, no two are beside each other.
MUTANTS = {
    "a lost lease put back after twenty seconds": Mutant(
        f"{LUA}/tick.lua",
        [
            (
                "local silent = expected and due('lease')",
                "local silent = expected and redis.call('ZRANGEBYSCORE', leases, '-inf',"
                " now - 20000, 'LIMIT', 0, LIMIT)",
            )
        ],
        "deaths",
        "after its lease was over",
    ),
    "SIGTERM drops what is in hand": Mutant(
        "worker/worker.py",
        [("await self._in_flight.finish(self._grace_s)", "await self._in_flight.drop(1)")],
        "deploys",
        "lost its lease .* though no worker had died",
    ),
    "leases not renewed": Mutant(
        "worker/leases.py",
        [("await self._queue.renew([delivery for _, delivery in renewed])", "[]")],
        "renewals",
        "lost its lease .* though no worker had died",
    ),
    "an idempotency key forgotten once in 200": Mutant(
        f"{LUA}/send.lua",
        [("redis.call('HSET', dedupe,", SOMETIMES.format(200) + "redis.call('HSET', dedupe,")],
        "calm",
        "made 2 notifications",
    ),
    "a claim not repeated after a lost reply": Mutant(
        "redis_list/receiver.py",
        [
            ("rows = await self._run(claim, is_again=True)", "raise"),
            ("self._unanswered[lanes].append(claim)", "pass"),
        ],
        "replies",
        "lost its lease .* though no worker had died",
    ),
    "a forward lost once in 10": Mutant(
        f"{LUA}/settle.lua",
        [("push(m, detail)", SOMETIMES.format(10) + "push(m, detail)")],
        "calm",
        "lost its lease .* though no worker had died|still validated",
    ),
    "a lost lease put back at the tail": Mutant(
        f"{LUA}/tick.lua",
        [(LOST_LEASE, LOST_LEASE.replace("unshift", "push"))],
        "queue",
        "that waited went before it",
    ),
    "expiry not checked at start": Mutant(
        f"{LUA}/start.lua",
        [("if ex and ex <= now then", "if false then")],
        "expiries",
        "was started .* after it had expired",
        also=f"{LUA}/advance.lua",
    ),
    "a promotion lost once in 20": Mutant(
        f"{LUA}/tick.lua",
        [
            (
                "    push(m, lane)\n    tell(m, 'promoted'",
                "    if redis.call('INCR', P .. ':mutant') % 20 == 0 then return end\n"
                "    push(m, lane)\n    tell(m, 'promoted'",
            )
        ],
        "calm",
        "was promoted .* after it was due|still scheduled",
    ),
    "no fence on settle": Mutant(
        f"{LUA}/settle.lua", [(FENCE, "not m")], "deaths", "a late verdict counted|and then was"
    ),
    "expiry not checked at claim": Mutant(
        f"{LUA}/claim.lua",
        [("if ex and ex <= now then", "if false then")],
        "expiries",
        "after it had expired, and no worker had taken it up",
    ),
    "no fence on start": Mutant(
        f"{LUA}/start.lua",
        [(FENCE, "not m")],
        "deaths",
        r"was sent \d+ times, but started|was started while",
        also=f"{LUA}/advance.lua",
    ),
    "a crash that burns an attempt": Mutant(
        f"{LUA}/tick.lua",
        [(LOST_LEASE, f"m.at = (tonumber(m.at) or 0) + 1; {LOST_LEASE}")],
        "deaths",
        "was at attempt 2 after 0 had failed",
    ),
    "a started one cancelled": Mutant(
        f"{LUA}/cancel.lua",
        [("leased = 'lease',", "leased = 'lease', started = 'lease',")],
        "calm",
        "was cancelled while it was being sent",
    ),
}


def build(mutant: Mutant, folder: Path) -> None:
    """Copy the queue with the change; the copy comes first on the services' PYTHONPATH."""
    package = Path(durable_queue.__file__).parent
    copy = folder / package.name
    shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for file in filter(None, (mutant.file, mutant.also)):
        text = (copy / file).read_text()
        for good, bad in mutant.changes:
            assert text.count(good) == 1, f"{file} has changed, so must this mutant: {good}"
            text = text.replace(good, bad)
        (copy / file).write_text(text)


@pytest.mark.parametrize("name", MUTANTS)
def test_every_mutant_can_be_built(name, tmp_path):
    build(MUTANTS[name], tmp_path)


RUNS = 3


@pytest.mark.mutants
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", MUTANTS)
async def test_the_proof_finds_a_mutant(name, plans, tmp_path):
    mutant = MUTANTS[name]
    build(mutant, tmp_path / "mutant")

    # A run of seconds may by chance give a fault no occasion; the real proof is longer.
    broken = []
    for attempt in range(RUNS):
        folder = tmp_path / f"run-{attempt}"
        folder.mkdir()
        outcome = await plans[mutant.plan].run(
            folder, Backing(), PYTHONPATH=str(tmp_path / "mutant")
        )
        broken = outcome.findings.broken
        if any(re.search(mutant.found_as, each) for each in broken):
            assert not outcome.is_kept
            return
    pytest.fail(f"not found in {RUNS} runs; found instead: {broken[:20]}")


@pytest.mark.mutants
@pytest.mark.timeout(600)
@pytest.mark.parametrize("broker_url", ["redis://", "amqp://"])
async def test_the_product_itself_passes(plan, broker_url, tmp_path):
    outcome = await plan.run(tmp_path, Backing.parse(broker_url, None))

    assert outcome.is_kept, outcome.findings.broken[:20]
