"""What is said to a queue in one turn of the event loop: one call for all messages."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextvars import copy_context
from functools import partial
from typing import Generic, NamedTuple, Protocol, TypeVar

from service_kit.failpoints import afailpoint
from service_kit.logs import get_logger

from durable_queue.backoff import delays
from durable_queue.port import (
    Advance,
    Delivery,
    MessageBatches,
    QueueError,
    QueueUnavailable,
    Start,
    Verdict,
)


class Held(Protocol):
    """A message that a worker holds, for as long as its lease lasts."""

    @property
    def delivery(self) -> Delivery:
        """What the queue is told of."""
        ...

    @property
    def lease_ends(self) -> float:
        """When its lease ends, in `time.monotonic` seconds."""
        ...


log = get_logger(__name__)

S = TypeVar("S")
A = TypeVar("A")


class _Asked(NamedTuple, Generic[S, A]):
    held: Held
    said: S
    then: Callable[[A | BaseException], None]


def _is_no_error(answer: object) -> bool:
    return not isinstance(answer, QueueError)


def _is_delivery(answer: object) -> bool:
    return answer is not None and not isinstance(answer, QueueError)


class TurnCall(Generic[S, A]):
    """Gathers what is said until the next turn, and says it at once.

    What the broker doesn't answer is said again until the message's lease has ended. `before` and
    `after` are failpoints around each call; `after` one by which something was `done`.
    """

    def __init__(
        self,
        call: Callable[[Sequence[tuple[Delivery, S]]], Awaitable[Sequence[A | QueueError]]],
        *,
        before: str = "",
        after: str,
        done: Callable[[A | QueueError], bool] = _is_no_error,
    ) -> None:
        self._call = call
        self._before = before
        self._after = after
        self._done = done
        self._asked: list[_Asked[S, A]] = []
        self._context = copy_context()  # that of no message
        self.tasks: set[asyncio.Task[None]] = set()

    def add(self, held: Held, said: S, then: Callable[[A | BaseException], None]) -> None:
        """Say it of a message; `then` gets the answer, or what went wrong."""
        self._asked.append(_Asked(held, said, then))
        if len(self._asked) == 1:
            task = asyncio.create_task(self._say(), context=self._context)
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    async def ask(self, held: Held, said: S) -> A:
        """Say it of a message, and return the answer, or raise what went wrong."""
        answer: asyncio.Future[A] = asyncio.get_running_loop().create_future()
        self.add(held, said, partial(_answer, answer))
        return await answer

    async def _say(self) -> None:
        asked, self._asked = self._asked, []
        try:
            await afailpoint(self._before)
            for delay in delays():
                answers = await self._call([(each.held.delivery, each.said) for each in asked])
                if any(map(self._done, answers)):
                    await afailpoint(self._after)
                asked = self._answer(asked, answers, time.monotonic() + delay)
                if not asked:
                    return
                await asyncio.sleep(delay)
        except BaseException as error:
            for each in asked:
                _pass_on(each, error)
            if not isinstance(error, Exception):
                raise

    def _answer(
        self, asked: list[_Asked[S, A]], answers: Sequence[A | QueueError], next_try: float
    ) -> list[_Asked[S, A]]:
        """Pass the answers on; return what is to be said again."""
        again = []
        for each, answer in zip(asked, answers, strict=True):
            if isinstance(answer, QueueUnavailable) and next_try < each.held.lease_ends:
                again.append(each)
            else:
                _pass_on(each, answer)
        return again


class QueueCalls:
    """What a worker's messages say to the queue."""

    def __init__(self, queue: MessageBatches) -> None:
        self.starts: TurnCall[Start, None] = TurnCall(queue.start_all, after="worker.after_start")
        self.advances: TurnCall[Advance, Delivery | None] = TurnCall(
            queue.advance_all, after="worker.after_start", done=_is_delivery
        )
        self.verdicts: TurnCall[Verdict, None] = TurnCall(
            queue.settle_all, before="worker.before_settle", after="worker.after_settle"
        )

    @property
    def under_way(self) -> set[asyncio.Task[None]]:
        """The calls that have no answer yet."""
        return self.starts.tasks | self.advances.tasks | self.verdicts.tasks


def _pass_on(asked: _Asked[S, A], answer: A | BaseException) -> None:
    try:
        asked.then(answer)
    except Exception:  # a bug with one answer must not keep the others from theirs
        log.exception("worker.answer_failed", message_id=asked.held.delivery.id)


def _answer(future: "asyncio.Future[A]", answer: A | BaseException) -> None:
    if future.done():
        return  # who asked was cancelled
    if isinstance(answer, asyncio.CancelledError):
        future.cancel()
    elif isinstance(answer, BaseException):
        future.set_exception(answer)
    else:
        future.set_result(answer)
