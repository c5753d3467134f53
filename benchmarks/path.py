"""What does the whole path of a notification cost, from the gateway to the provider?

Starts a system of its own, one process for each service, and measures three things, each several
times: accepting while no dispatcher runs, emptying what has gathered with one dispatcher, and a
single notification's way through an idle system. The figures are the medians of the rounds.

    .venv/bin/python benchmarks/path.py --count 5000 --json path.json
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Final

import uvloop
from figures import Laps, Sheet, yardstick_ms
from running_system import RunningSystem, open_system

CONNECTIONS: Final = 64
USERS: Final = 500
SINGLES: Final = 100
SINGLES_EVERY_S: Final = 0.03
TEXT: Final = "Your parcel arrives tomorrow between 9:00 and 11:00."


@dataclass(slots=True)
class Poster:
    """Posts notifications over raw connections: a client library would take a processor away."""

    port: int
    laps: Laps = field(default_factory=Laps)
    answered_at: dict[str, float] = field(default_factory=dict)

    async def post_all(self, count: int) -> float:
        """Post `count` over many connections at once; return how many were accepted a second."""
        numbers, began = iter(range(count)), time.perf_counter()
        clients = (self._client(numbers) for _ in range(CONNECTIONS))
        await asyncio.gather(*clients)
        return count / (time.perf_counter() - began)

    async def post_singly(self, count: int) -> None:
        """Post one after the other, with pauses, and note when each text was accepted."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for number in range(count):
            text = f"single {number}"
            self.answered_at[text] = time.time()
            await self.laps.time(self._post(reader, writer, number, text))
            await asyncio.sleep(SINGLES_EVERY_S)
        writer.close()

    async def _client(self, numbers: Iterator[int]) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        for number in numbers:
            await self.laps.time(self._post(reader, writer, number, TEXT))
        writer.close()

    async def _post(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int, text: str
    ) -> None:
        body = json.dumps({"user_id": f"user-{number % USERS}", "message": text}).encode()
        head = (
            f"POST /notifications HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not answer.startswith(b"http/1.1 202"):
            raise RuntimeError(f"not accepted: {answer.decode()}")
        _, _, length = answer.partition(b"content-length: ")
        await reader.readexactly(int(length.partition(b"\r\n")[0]))


@dataclass(slots=True)
class Rounds:
    """Figures of several rounds, under the same names."""

    figures: dict[tuple[str, str], list[float]] = field(default_factory=dict)

    def add(self, name: str, value: float, unit: str) -> None:
        """Note one round's figure."""
        self.figures.setdefault((name, unit), []).append(value)

    def add_cpu(
        self, what: str, before: dict[str, float], system: RunningSystem, count: int
    ) -> None:
        """Note what each process took for `count` notifications, if it did anything."""
        for name, now in system.cpu_ms().items():
            each = (now - before.get(name, 0.0)) * 1000 / count
            if each >= 1:
                self.add(f"{what}, {name}", each, "CPU ms per 1,000")

    def sheet(self, title: str) -> Sheet:
        """Return the medians."""
        sheet = Sheet(title)
        for (name, unit), values in self.figures.items():
            sheet.add(name, median(values), unit)
        return sheet


async def measure_accepting(rounds: Rounds, system: RunningSystem, count: int) -> None:
    """Post `count` notifications while nobody takes them away."""
    poster, before, own = Poster(system.ports.gateway), system.cpu_ms(), time.process_time()
    rounds.add("accepted", await poster.post_all(count), "per second")
    rounds.add("request to 202, median", poster.laps.median, "ms")
    rounds.add("request to 202, p99", poster.laps.p99, "ms")
    rounds.add_cpu("accepting", before, system, count)
    own = (time.process_time() - own) * 1e6 / count
    rounds.add("accepting, this client", own, "CPU ms per 1,000")


async def measure_emptying(rounds: Rounds, system: RunningSystem, count: int) -> None:
    """Let one dispatcher send what waits; its start doesn't count."""
    async with system.dispatching():
        await system.until_sent(1)
        before = system.cpu_ms()
        await system.until_sent(count)
        rounds.add_cpu("sending", before, system, count)
    sent = system.sent()
    rounds.add("sent by one dispatcher", count / (sent[-1].at - sent[0].at), "per second")


async def measure_singles(rounds: Rounds, system: RunningSystem) -> None:
    """Send single notifications through an idle system."""
    poster = Poster(system.ports.gateway)
    async with system.dispatching():
        await system.until_ready()
        system.empty_outbox()
        await poster.post_singly(SINGLES)
        await system.until_sent(SINGLES)
    ways = Laps([(sent.at - poster.answered_at[sent.text]) * 1000 for sent in system.sent()])
    rounds.add("single one, request to 202, median", poster.laps.median, "ms")
    rounds.add("single one, request to provider, median", ways.median, "ms")
    rounds.add("single one, request to provider, p99", ways.p99, "ms")


async def measure(count: int, rounds: int) -> Sheet:
    """Measure everything, `rounds` times."""
    figures = Rounds()
    with tempfile.TemporaryDirectory(prefix="benchmark-path-") as folder:
        async with open_system(Path(folder)) as system:
            await system.create_users(USERS)
            await Poster(system.ports.gateway).post_all(count // 5)  # warms up, isn't measured
            async with system.dispatching():
                await system.until_sent(count // 5)
            for _ in range(rounds):
                system.empty_outbox()
                figures.add("yardstick, a million additions in Python", yardstick_ms(), "CPU ms")
                await measure_accepting(figures, system, count)
                await measure_emptying(figures, system, count)
                await measure_singles(figures, system)
    return figures.sheet(f"{count:,} notifications, median of {rounds}")


def main() -> int:
    """Measure and show."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--count", type=int, default=5_000, help="how many in each round")
    parser.add_argument("--rounds", type=int, default=3, help="how often")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    options = parser.parse_args()
    sheet = uvloop.run(measure(options.count, options.rounds))
    sheet.show()
    if options.json:
        sheet.write(options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
