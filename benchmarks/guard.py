"""Has the product become slower? Compares it with minimal code, on any machine.

Accepting beside the minimal stack, dispatching beside the minimal worker: processor time for each
notification, in turns, medians of the rounds, in one run. A ratio must stay below 1.5 times the one
in `guard.json`. A neighbour on the machine may spoil a run: the best of up to three counts.

    make bench-guard
    make bench-guard ARGS=--keep        writes the ratios of this machine into guard.json
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Final

import uvloop
from beside import BesideRedis, open_redis
from dispatch import drain
from load import flood
from processes import Meter
from running_system import RunningSystem, open_system
from stacks import MINIMAL_STACK, MINIMAL_WORKER, RunningStack, do_jobs, open_stack

KEPT: Final = Path(__file__).with_name("guard.json")
MOST: Final = 1.5
RUNS: Final = 3
COUNT: Final = 2_000
WARM_UP: Final = 300

Costs = dict[str, list[float]]


async def measure(folder: Path, rounds: int) -> dict[str, float]:
    """Return the ratios."""
    costs: Costs = {}
    async with (
        open_system(folder / "product") as system,
        open_redis(folder / "beside") as redis,
        open_stack(MINIMAL_STACK, folder / "minimal", redis) as minimal,
    ):
        await system.create_users()
        for port in (system.ports.gateway, minimal.port):
            await flood(port, WARM_UP)
        for _ in range(rounds):
            await _round(costs, system, minimal, redis, folder)
    return ratios_of(costs)


def ratios_of(costs: Costs) -> dict[str, float]:
    """Return how the medians of the rounds compare, and say them."""
    medians = {name: median(values) for name, values in costs.items()}
    print("  CPU ms per 1,000:", {name: round(value, 1) for name, value in medians.items()})
    return {
        "accept": medians["product accepts"] / medians["minimal stack accepts"],
        "dispatch": medians["product dispatches"] / medians["minimal worker dispatches"],
    }


async def _round(
    costs: Costs,
    system: RunningSystem,
    minimal: RunningStack,
    redis: BesideRedis,
    folder: Path,
) -> None:
    """Let each accept twice and dispatch once; what the product accepted, it then dispatches."""
    await system.clear()
    await redis.clear()
    ours = {name: system.pids()[name] for name in ("gateway", "publisher", "redis")}
    both = (
        ("product accepts", system.ports.gateway, ours, COUNT // 2),
        ("minimal stack accepts", minimal.port, minimal.pids, COUNT),
    )
    for name, port, pids, count in both * 2:
        meter = Meter(pids)
        await flood(port, count)
        costs.setdefault(name, []).append(meter.read(count)["cpu all"])
    row = await drain(system, COUNT)
    costs.setdefault("product dispatches", []).append(_cost(row))
    await redis.clear()
    row = await do_jobs(
        MINIMAL_WORKER, folder, 4 * COUNT, broker_pid=redis.pid, REDIS_URL=redis.url
    )
    costs.setdefault("minimal worker dispatches", []).append(_cost(row))


def _cost(row: dict[str, float]) -> float:
    return row["cpu worker"] + row["cpu broker"] + row.get("cpu user-service", 0.0)


def run(rounds: int) -> dict[str, float]:
    """Measure in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="bench-guard-") as folder:
        return uvloop.run(measure(Path(folder), rounds))


def slower(ratios: dict[str, float], kept: dict[str, float]) -> list[str]:
    """Say, of each ratio, how it compares; return the names of those above the bound."""
    for name, ratio in ratios.items():
        noted = kept[name]
        print(f"  {name}: {ratio:.2f}, noted {noted:.2f}, fails above {MOST * noted:.2f}")
    return [name for name, ratio in ratios.items() if ratio > MOST * kept[name]]


def judge(measured: Callable[[], dict[str, float]], kept: dict[str, float]) -> int:
    """Return 1 if the best that was `measured` in all runs is above a bound, else 0."""
    best: dict[str, float] = {}
    names: list[str] = []
    for run_number in range(RUNS):
        if run_number:
            print("above the bound; once more, as a neighbour may have spoilt it")
        found = measured()
        best = {name: min(ratio, best.get(name, ratio)) for name, ratio in found.items()}
        if not (names := slower(best, kept)):
            return 0
    print(f"slower than noted in {KEPT.name}: {', '.join(names)}", file=sys.stderr)
    return 1


def main() -> int:
    """Measure, again if need be; 1 if it has become slower."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="note these ratios in guard.json")
    options = parser.parse_args()
    if options.keep:
        noted = {name: round(ratio, 2) for name, ratio in run(options.rounds).items()}
        KEPT.write_text(json.dumps(noted, indent=2) + "\n", encoding="utf-8")
        print(f"noted in {KEPT.name}: {noted}")
        return 0
    kept = json.loads(KEPT.read_text(encoding="utf-8"))
    return judge(lambda: run(options.rounds), kept)


if __name__ == "__main__":
    sys.exit(main())
