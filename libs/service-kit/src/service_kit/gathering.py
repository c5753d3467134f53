"""One question for all who ask at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import Context, copy_context
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

MAX_BATCH: Final = 500


@dataclass(slots=True)
class _Question(Generic[V]):
    answer: asyncio.Future[V | None]
    context: Context


class Gathered(Generic[K, V]):
    """Answers all callers who ask for a key at about the same time with one call of `get_many`.

    Calls that come while one runs are answered by the next one, so an answer is never older than
    its question; and the busier it is, the cheaper each answer becomes. `get_many` gets up to 500
    different keys, in the context of the first caller.
    """

    def __init__(self, get_many: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._get_many = get_many
        self._asked: dict[K, _Question[V]] = {}
        self._calls: asyncio.Task[None] | None = None

    async def get(self, key: K) -> V | None:
        """Return what belongs to the key; None if `get_many` left it out. Raises what it raises."""
        question = self._asked.get(key)
        if question is None:
            future = asyncio.get_running_loop().create_future()
            question = self._asked[key] = _Question(future, copy_context())
        if self._calls is None or self._calls.done():
            self._calls = asyncio.create_task(self._call_until_all_are_answered())
        # Others may wait for the same answer; one who gives up must not take it from them.
        return await asyncio.shield(question.answer)

    async def stop(self) -> None:
        """Answer those who still wait."""
        if self._calls is not None:
            await self._calls

    async def _call_until_all_are_answered(self) -> None:
        while self._asked:
            keys = list(self._asked)[:MAX_BATCH]
            batch = {key: self._asked.pop(key) for key in keys}
            context = batch[keys[0]].context
            await asyncio.create_task(self._answer(batch), context=context)

    async def _answer(self, batch: Mapping[K, _Question[V]]) -> None:
        try:
            found = await self._get_many(list(batch))
        except Exception as error:  # noqa: BLE001 - belongs to those who asked
            for question in batch.values():
                question.answer.set_exception(error)
        else:
            for key, question in batch.items():
                question.answer.set_result(found.get(key))
