"""What the workers of one service know of each other: who serves, and what all have counted."""

import asyncio
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from prometheus_client import CollectorRegistry

from service_kit.http.worker_metrics import Snapshot, SummedMetrics, counts_of, merged, snapshot_of

_ANSWER_SECONDS: Final = 1.0


class WorkersStarting(Exception):
    """Raised by the check of readiness until all workers have served."""


@dataclass(slots=True)
class WorkerGroup:
    """The workers of one service, as the one with this `number` sees them.

    Each worker tells the others, at a socket in `folder`, what it has counted. `lifeline` ends when
    the supervisor does.
    """

    folder: Path
    number: int
    count: int
    lifeline: int = -1
    _server: asyncio.Server | None = field(default=None, init=False)
    _is_orphan: bool = field(default=False, init=False)

    @property
    def serving(self) -> int:
        """Count those that serve."""
        return sum(self.serves(number) for number in range(self.count))

    def serves(self, number: int) -> bool:
        """Tell whether a worker serves."""
        return self._socket(number).exists()

    def forget(self, number: int) -> None:
        """Note that a worker serves no more."""
        self._socket(number).unlink(missing_ok=True)

    def note_all_served(self) -> None:
        """Note that all have been serving at once: from now on the service counts as ready."""
        (self.folder / "ready").touch()

    async def check(self) -> Mapping[str, str]:
        """Say how many serve; fit for readiness.

        Raises:
            WorkersStarting: they have not been serving at once yet.
        """
        if not (self.folder / "ready").exists():
            raise WorkersStarting(f"{self.serving} of {self.count} workers serve")
        return {"serving": f"{self.serving} of {self.count}"}

    async def join(self, registry: CollectorRegistry, stop: Callable[[], None]) -> None:
        """Let the others know that this worker serves, and what it counts.

        `stop` is called if the supervisor is no more.
        """

        def end() -> None:
            self._is_orphan = True
            asyncio.get_running_loop().remove_reader(self.lifeline)
            stop()

        asyncio.get_running_loop().add_reader(self.lifeline, end)

        async def tell(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(json.dumps([os.getpid(), snapshot_of(registry)]).encode())
            with suppress(ConnectionError):
                await writer.drain()
            writer.close()

        self._server = await asyncio.start_unix_server(tell, self._socket(self.number))

    def leave(self) -> None:
        """Stop telling. Without a supervisor, the last one removes the folder."""
        self.forget(self.number)
        if self._server is not None:
            self._server.close()
        if self._is_orphan and not self.serving:
            shutil.rmtree(self.folder, ignore_errors=True)

    async def metrics(self, registry: CollectorRegistry) -> SummedMetrics:
        """Return what all workers have counted, those that died included."""
        others = [number for number in range(self.count) if number != self.number]
        told = await asyncio.gather(*(self._told_by(number) for number in others))
        now = {number: each for number, each in zip(others, told, strict=True) if each}
        now[self.number] = (os.getpid(), snapshot_of(registry))
        return SummedMetrics(self._with_those_gone(now))

    async def _told_by(self, number: int) -> tuple[int, Snapshot] | None:
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                reader, writer = await asyncio.open_unix_connection(self._socket(number))
                try:
                    pid, snapshot = json.loads(await reader.read())
                finally:
                    writer.close()
        except (OSError, TimeoutError, ValueError):
            return None  # it is being started again, or busy: what it told before counts
        return pid, snapshot

    def _with_those_gone(self, now: Mapping[int, tuple[int, Snapshot]]) -> Snapshot:
        """Add what workers had counted when they told it for the last time: no sum ever falls."""
        with (self.folder / "told").open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.seek(0)
            gone, last = json.loads(file.read() or b"[[], {}]")
            for number, (pid, snapshot) in now.items():
                before = last.get(str(number))
                if before is not None and before[0] != pid:
                    gone = merged([gone, before[1]])
                last[str(number)] = (pid, counts_of(snapshot))
            file.truncate(0)
            file.write(json.dumps([gone, last]).encode())
        silent: Iterable[Snapshot] = (
            snapshot for number, (_, snapshot) in last.items() if int(number) not in now
        )
        return merged([*(snapshot for _, snapshot in now.values()), gone, *silent])

    def _socket(self, number: int) -> Path:
        return self.folder / f"{number}.sock"
