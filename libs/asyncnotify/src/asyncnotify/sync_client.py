"""The client for programs without an event loop: the same calls, each waits for its answer."""

import asyncio
import functools
import os
import threading
import weakref
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterable
from typing import Any, Concatenate, Final, Generic, ParamSpec, Self, TypeVar

import httpx

from asyncnotify.calls.batches import BATCH_SIZE, Part, batches_of
from asyncnotify.client import CONCURRENCY, AsyncNotify
from asyncnotify.models.batches import NotificationBatchItem
from asyncnotify.portal import LoopThread

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., object])
_END: Final = object()


def _waiting(
    call: Callable[Concatenate[AsyncNotify, P], Coroutine[Any, Any, T]],
) -> "Callable[Concatenate[Client, P], T]":
    """Make a call that returns what the asynchronous one does."""

    @functools.wraps(call)
    def waiting(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> T:
        notify, thread = self._running()
        return thread.run(call(notify, *args, **kwargs))

    return waiting


def _iterating(
    call: Callable[Concatenate[AsyncNotify, P], AsyncGenerator[T, None]],
) -> "Callable[Concatenate[Client, P], Generator[T, None, None]]":
    """Make a call that yields what the asynchronous one does."""

    @functools.wraps(call)
    def iterating(self: "Client", /, *args: P.args, **kwargs: P.kwargs) -> Generator[T, None, None]:
        notify, thread = self._running()
        found = _Iteration(call(notify, *args, **kwargs))
        try:
            while (each := thread.run(found.next())) is not _END:
                yield each  # type: ignore[misc]
        finally:
            if not thread.is_stopped:
                thread.run(found.close())

    return iterating


def _described_by(call: Callable[..., object]) -> Callable[[F], F]:
    """Give a method the words and the signature of another."""

    def describe(method: F) -> F:
        functools.update_wrapper(method, call)
        return method

    return describe


class _Iteration(Generic[T]):
    """One way through what an asynchronous call yields."""

    def __init__(self, found: AsyncGenerator[T, None]) -> None:
        self._found = found
        # A step that was interrupted ends a little later; nothing else may be done meanwhile.
        self._lock = asyncio.Lock()

    async def next(self) -> T | object:
        async with self._lock:
            return await anext(self._found, _END)

    async def close(self) -> None:
        async with self._lock:
            await self._found.aclose()


class Client:
    """Talks to one AsyncNotify gateway, as `AsyncNotify` does, and waits for each answer.

    Any number of threads may use one at once. In a forked process it opens connections of its own.
    Close it by `with` or `close()`; where that is forgotten, it ends with the program. What
    `on_reconnect` of `changes` names runs in the client's own thread, and can't call the client.
    """

    def __init__(
        self,
        base_url: str | None = None,
        *,
        key: str | None = None,
        timeout_seconds: float = 10.0,
        retry_seconds: float = 30.0,
        concurrency: int = CONCURRENCY,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Raise `BadSetup` if the URL, the key, or a proxy of the environment, can't be used."""
        self._thread: LoopThread | None
        self._make = functools.partial(
            AsyncNotify,
            base_url,
            key=key,
            timeout_seconds=timeout_seconds,
            retry_seconds=retry_seconds,
            concurrency=concurrency,
            transport=transport,
        )
        self._notify = self._make()
        self._begin_anew()
        _CLIENTS.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections. Calls that are under way in other threads end with an error."""
        with self._lock:
            self._is_closed = True
            if self._thread:
                self._thread.stop(self._notify.close())

    def _running(self) -> tuple[AsyncNotify, LoopThread]:
        with self._lock:
            if self._is_closed:
                raise RuntimeError("the client is closed")
            if self._thread is None:
                self._thread = LoopThread("asyncnotify")
                weakref.finalize(self, _stop, os.getpid(), self._thread, self._notify)
            return self._notify, self._thread

    def _begin_anew(self) -> None:
        self._lock = threading.Lock()
        self._thread = None
        self._is_closed = False

    def _after_fork(self) -> None:
        # The loop's selector and the connections are shared with the parent: closing ours, as
        # their end would, takes them from it.
        if self._thread:
            _LEFT_TO_THE_PARENT.append((self._thread, self._notify))
        was_closed = self._is_closed
        self._notify = self._make()
        self._begin_anew()
        self._is_closed = was_closed

    send = _waiting(AsyncNotify.send)
    status = _waiting(AsyncNotify.status)
    explain = _waiting(AsyncNotify.explain)
    foresee = _waiting(AsyncNotify.foresee)
    content = _waiting(AsyncNotify.content)
    wait = _waiting(AsyncNotify.wait)
    notifications = _waiting(AsyncNotify.notifications)
    iter_notifications = _iterating(AsyncNotify.iter_notifications)
    cancel = _waiting(AsyncNotify.cancel)
    forget = _waiting(AsyncNotify.forget)
    changes = _iterating(AsyncNotify.changes)

    send_batch = _waiting(AsyncNotify.send_batch)
    put_users = _waiting(AsyncNotify.put_users)

    @_described_by(AsyncNotify.send_many)
    def send_many(
        self, notifications: Iterable[Part], *, batch_size: int = BATCH_SIZE
    ) -> Generator[NotificationBatchItem, None, None]:
        # Not in the client's own thread: what makes the notifications may call the client.
        for batch in batches_of(notifications, batch_size):
            yield from self.send_batch(batch)

    dead_letters = _waiting(AsyncNotify.dead_letters)
    iter_dead_letters = _iterating(AsyncNotify.iter_dead_letters)
    dead_letter_groups = _waiting(AsyncNotify.dead_letter_groups)
    dead_letter = _waiting(AsyncNotify.dead_letter)
    replay = _waiting(AsyncNotify.replay)
    replay_many = _waiting(AsyncNotify.replay_many)
    delete_dead_letter = _waiting(AsyncNotify.delete_dead_letter)

    put_user = _waiting(AsyncNotify.put_user)
    user = _waiting(AsyncNotify.user)
    users = _waiting(AsyncNotify.users)
    iter_users = _iterating(AsyncNotify.iter_users)
    delete_user = _waiting(AsyncNotify.delete_user)
    contact_info = _waiting(AsyncNotify.contact_info)
    suppressions = _waiting(AsyncNotify.suppressions)
    iter_suppressions = _iterating(AsyncNotify.iter_suppressions)
    release = _waiting(AsyncNotify.release)

    create_webhook = _waiting(AsyncNotify.create_webhook)
    webhooks = _waiting(AsyncNotify.webhooks)
    webhook = _waiting(AsyncNotify.webhook)
    change_webhook = _waiting(AsyncNotify.change_webhook)
    rotate_webhook = _waiting(AsyncNotify.rotate_webhook)
    delete_webhook = _waiting(AsyncNotify.delete_webhook)
    test_webhook = _waiting(AsyncNotify.test_webhook)
    iter_webhook_attempts = _iterating(AsyncNotify.iter_webhook_attempts)
    resend_webhook_attempt = _waiting(AsyncNotify.resend_webhook_attempt)

    create_key = _waiting(AsyncNotify.create_key)
    iter_keys = _iterating(AsyncNotify.iter_keys)
    key = _waiting(AsyncNotify.key)
    rotate_key = _waiting(AsyncNotify.rotate_key)
    revoke_key = _waiting(AsyncNotify.revoke_key)
    iter_audit = _iterating(AsyncNotify.iter_audit)

    pipeline = _waiting(AsyncNotify.pipeline)
    channels = _waiting(AsyncNotify.channels)
    pause_channel = _waiting(AsyncNotify.pause_channel)
    resume_channel = _waiting(AsyncNotify.resume_channel)
    outbox = _waiting(AsyncNotify.outbox)
    iter_outbox = _iterating(AsyncNotify.iter_outbox)
    backlog = _waiting(AsyncNotify.backlog)
    ready = _waiting(AsyncNotify.ready)
    providers = _waiting(AsyncNotify.providers)
    try_providers = _waiting(AsyncNotify.try_providers)


_CLIENTS: Final["weakref.WeakSet[Client]"] = weakref.WeakSet()
_LEFT_TO_THE_PARENT: Final[list[tuple[LoopThread, AsyncNotify]]] = []


def _stop(owner: int, thread: LoopThread, notify: AsyncNotify) -> None:
    if os.getpid() == owner:
        thread.stop(notify.close())


def _after_fork_in_child() -> None:
    for client in list(_CLIENTS):
        client._after_fork()  # noqa: SLF001 - it is ours


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
