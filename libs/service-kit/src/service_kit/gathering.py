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
class _Question(Generic[K, V]):
    keys: Sequence[K]
    answer: asyncio.Future[Mapping[K, V]]
    context: Context


class Gathered(Generic[K, V]):
    """Answers all callers who ask for keys at about the same time with one call of `get_many`.

    Calls that come while one runs are answered by the next one, so an answer is never older than
    its question; and the busier it is, the cheaper each answer becomes. `get_many` gets up to 500
    different keys, in the context of the first caller.
    """

    def __init__(self, get_many: Callable[[Sequence[K]], Awaitable[Mapping[K, V]]]) -> None:
        self._get_many = get_many
        self._asked: list[_Question[K, V]] = []
        self._calls: asyncio.Task[None] | None = None

    async def get(self, key: K) -> V | None:
        """Return what belongs to the key; None if `get_many` left it out. Raises what it raises."""
        return (await self.get_all((key,))).get(key)

    async def get_all(self, keys: Sequence[K]) -> Mapping[K, V]:
        """Return what belongs to these keys, 500 at most, and perhaps to others."""
        answer: asyncio.Future[Mapping[K, V]] = asyncio.get_running_loop().create_future()
        self._asked.append(_Question(keys, answer, copy_context()))
        if self._calls is None or self._calls.done():
            self._calls = asyncio.create_task(self._call_until_all_are_answered())
        return await answer

    async def stop(self) -> None:
        """Answer those who still wait."""
        if self._calls is not None:
            await self._calls

    async def _call_until_all_are_answered(self) -> None:
        while self._asked:
            keys: dict[K, None] = {}
            batch: list[_Question[K, V]] = []
            for question in self._asked:
                if batch and len(keys) + len(question.keys) > MAX_BATCH:
                    break
                keys.update(dict.fromkeys(question.keys))
                batch.append(question)
            del self._asked[: len(batch)]
            await asyncio.create_task(self._answer(batch, list(keys)), context=batch[0].context)

    async def _answer(self, batch: Sequence[_Question[K, V]], keys: Sequence[K]) -> None:
        try:
            found = await self._get_many(keys)
        except Exception as error:  # noqa: BLE001 - belongs to those who asked
            for question in batch:
                if not question.answer.done():  # else who asked has given up
                    question.answer.set_exception(error)
        else:
            for question in batch:
                if not question.answer.done():
                    question.answer.set_result(found)
