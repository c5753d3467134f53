"""A RabbitMQ node of our own, as one of the supervisor's programs."""

import asyncio
import contextlib
import subprocess
from pathlib import Path

from asyncnotify.local.child_process import die_with_parent

from asyncnotify_prove.rabbitmq_node import RabbitNode


class RabbitProgram:
    """A rabbitmq-server that keeps its data in a folder. `FileNotFoundError` if there is none."""

    name = "rabbitmq"

    def __init__(self, folder: Path, port: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._node = RabbitNode(folder, port=port, preexec=die_with_parent)

    @property
    def url(self) -> str:
        """Where it listens, with its account."""
        return self._node.url

    @property
    def pid(self) -> int | None:
        """Return the running process's id."""
        return self._node.pid

    async def start(self) -> None:
        """Start it and wait until it answers. Raises OSError, with its last words."""
        try:
            await asyncio.to_thread(self._node.start)
        except RuntimeError as error:
            raise OSError(str(error)) from error

    async def wait(self) -> int:
        """Wait until it has ended; return its exit code."""
        return await asyncio.to_thread(self._node.wait)

    async def stop(self) -> None:
        """End it, and what it needed; it writes everything out first."""
        await asyncio.to_thread(self._node.stop)
        await asyncio.to_thread(self._node.close)

    async def is_ready(self) -> bool:
        """Tell whether it runs: it answers before `start` returns."""
        return self._node.pid is not None

    async def raise_alarm(self, seconds: float) -> None:
        """Have it take nothing for a while, as if its memory were full."""
        watermark = "set_vm_memory_high_watermark"
        # It may be down, for that is done to it as well.
        with contextlib.suppress(subprocess.SubprocessError, OSError):
            await asyncio.to_thread(self._node.control, watermark, "0.00001")
        await asyncio.sleep(seconds)
        with contextlib.suppress(subprocess.SubprocessError, OSError):
            await asyncio.to_thread(self._node.control, watermark, "0.4")
