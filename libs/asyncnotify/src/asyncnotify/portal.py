"""An event loop in a thread of its own, for programs that have none."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from typing import Any, Final, TypeVar

T = TypeVar("T")
_LOOK_SECONDS: Final = 0.5


class LoopThread:
    """Runs coroutines for other threads, which wait for their results."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._lock = threading.Lock()
        self.is_stopped = False
        # A program that forgets to close its client ends all the same.
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return what the coroutine does; end it if the waiting is interrupted, as by Ctrl-C.

        Raises:
            RuntimeError: the thread is stopped, or would wait for itself.
        """
        # Made before the coroutine begins: the interrupt may come before that has a future.
        given_up: Future[None] = Future()
        try:
            return _result_of(self._begin(coroutine, given_up))
        except CancelledError:
            raise RuntimeError("the client was closed meanwhile") from None
        except BaseException:
            given_up.cancel()
            raise

    def stop(self, last: Coroutine[Any, Any, None]) -> None:
        """Do a last thing, end what still runs, and the thread."""
        with self._lock:
            if self.is_stopped:
                last.close()
                return
            self.is_stopped = True
            ending = asyncio.run_coroutine_threadsafe(_end(last), self._loop)
        ending.add_done_callback(lambda _: self._loop.call_soon_threadsafe(self._loop.stop))
        # The garbage collector may do this in any thread, and this one can't wait for itself.
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _serve(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _begin(self, coroutine: Coroutine[Any, Any, T], given_up: Future[None]) -> Future[T]:
        if threading.current_thread() is self._thread:
            coroutine.close()
            raise RuntimeError("the client can't be called from its own callback")
        # What has begun before the thread is stopped is ended by that, and keeps nobody waiting.
        with self._lock:
            if self.is_stopped:
                coroutine.close()
                raise RuntimeError("the client is closed")
            call = self._unless(given_up, coroutine)
            return asyncio.run_coroutine_threadsafe(call, self._loop)

    async def _unless(self, given_up: Future[None], coroutine: Coroutine[Any, Any, T]) -> T:
        task = asyncio.current_task()

        def end(_: Future[None]) -> None:
            with suppress(RuntimeError):  # the loop is closed: nothing runs any more
                self._loop.call_soon_threadsafe(task.cancel)  # type: ignore[union-attr]

        given_up.add_done_callback(end)
        return await coroutine


def _result_of(future: Future[T]) -> T:
    # A signal that comes in the last moment before a thread waits is only seen when it wakes up.
    while not future.done():
        with suppress(TimeoutError):
            future.exception(_LOOK_SECONDS)
    return future.result()


async def _end(last: Coroutine[Any, Any, None]) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for each in others:
        each.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
    await last
