"""A service as several processes on one port: a supervisor, and the workers that it starts.

Each worker has a listener of its own, among which the kernel shares out new connections
(`SO_REUSEPORT`). Workers know of each other by a folder, in which each has a socket once it serves.
"""

import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from socket import socketpair
from time import monotonic
from types import FrameType
from typing import Final

from service_kit.http.worker_group import WorkerGroup
from service_kit.lifecycle import FIRST_BACKOFF, LONGEST_BACKOFF
from service_kit.logs import get_logger, write_waiting_lines

log = get_logger(__name__)

# Who is to be started first is alone: it makes what others find, such as tables.
_LOOK_EVERY_SECONDS: Final = 0.05
STOP_SIGNALS: Final = frozenset({signal.SIGTERM, signal.SIGINT})
_STEADY_SECONDS: Final = 10.0
# The path of a socket may have 103 bytes.
_LONGEST_FOLDER: Final = 80


def supervise(
    count: int, work: Callable[[WorkerGroup], None], *, on_ready: Callable[[], None]
) -> int:
    """Run `work` in `count` processes until SIGTERM or SIGINT; return the exit code.

    A worker that dies is started again, after a while if that happens again and again. One that
    does not come to serve at the first start ends all. `on_ready` is called once all serve.
    """
    with tempfile.TemporaryDirectory(prefix="workers-", dir=_folder_of_sockets()) as folder:
        return _Supervisor(Path(folder), count, work, on_ready).run()


def _folder_of_sockets() -> str:
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) <= _LONGEST_FOLDER else "/tmp"  # noqa: S108


class _Supervisor:
    def __init__(
        self,
        folder: Path,
        count: int,
        work: Callable[[WorkerGroup], None],
        on_ready: Callable[[], None],
    ) -> None:
        self._groups = [WorkerGroup(folder, number, count) for number in range(count)]
        self._work = work
        self._on_ready = on_ready
        self._context = multiprocessing.get_context("fork")
        self._running: dict[int, BaseProcess] = {}
        self._started_at = [0.0] * count
        self._due_at = dict.fromkeys(range(count), 0.0)
        self._backoff = [0.0] * count
        self._all_served = False
        self._stopping = False
        self._failed = False
        self._woken, self._waker = socketpair()
        # Its other end tells the workers that this process is no more.
        self._alive, self._lifeline = os.pipe()

    def run(self) -> int:
        for stop_signal in STOP_SIGNALS:
            signal.signal(stop_signal, self._stop)
        signal.signal(signal.SIGUSR1, self._pass_on)
        self._waker.setblocking(False)
        signal.set_wakeup_fd(self._waker.fileno())
        while self._running or not self._stopping:
            self._start_due()
            sentinels = [process.sentinel for process in self._running.values()]
            if self._woken in wait([*sentinels, self._woken], self._seconds_to_next()):
                self._woken.recv(64)
            self._reap()
            self._look_whether_all_serve()
        signal.set_wakeup_fd(-1)
        return 1 if self._failed else 0

    def _pass_on(self, received: int, _: FrameType | None) -> None:
        for process in self._running.values():
            if process.pid is not None:
                os.kill(process.pid, received)

    def _stop(self, _: int, __: FrameType | None) -> None:
        self._stop_all()

    def _stop_all(self) -> None:
        self._stopping = True
        for process in self._running.values():
            process.terminate()

    def _start_due(self) -> None:
        for number, due_at in list(self._due_at.items()):
            is_alone = number == 0 or self._all_served or self._groups[0].serves(0)
            if not self._stopping and due_at <= monotonic() and is_alone:
                del self._due_at[number]
                self._start(number)

    def _start(self, number: int) -> None:
        process = self._context.Process(target=self._be_worker, args=(number,))
        self._started_at[number] = monotonic()
        # A worker that is told to stop before it has its own handlers would not hear of it.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        # We may have been told so ourselves just before.
        if not self._stopping:
            process.start()
            self._running[number] = process
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)

    def _be_worker(self, number: int) -> None:
        signal.set_wakeup_fd(-1)
        os.close(self._lifeline)
        self._groups[number].lifeline = self._alive
        try:
            self._work(self._groups[number])
        finally:
            write_waiting_lines()

    def _reap(self) -> None:
        for number, process in list(self._running.items()):
            if process.exitcode is None:
                continue
            process.join()
            del self._running[number]
            self._groups[number].forget(number)
            if self._stopping:
                self._failed |= process.exitcode != 0
            elif not self._all_served:
                self._failed = True
                self._stop_all()
            else:
                self._start_again(number, process)

    def _start_again(self, number: int, process: BaseProcess) -> None:
        lived = monotonic() - self._started_at[number]
        longer = min(self._backoff[number] * 2, LONGEST_BACKOFF.total_seconds())
        is_steady = lived > _STEADY_SECONDS
        self._backoff[number] = FIRST_BACKOFF.total_seconds() if is_steady else longer
        self._backoff[number] = max(self._backoff[number], FIRST_BACKOFF.total_seconds())
        self._due_at[number] = monotonic() + self._backoff[number]
        log.error(
            "worker.died",
            worker=number,
            pid=process.pid,
            exit_code=process.exitcode,
            again_in_s=self._backoff[number],
        )

    def _look_whether_all_serve(self) -> None:
        first = self._groups[0]
        if not self._all_served and first.serving == first.count:
            self._all_served = True
            first.note_all_served()
            self._on_ready()

    def _seconds_to_next(self) -> float | None:
        if not self._all_served:
            return _LOOK_EVERY_SECONDS
        if not self._due_at:
            return None
        return max(0.0, min(self._due_at.values()) - monotonic())
