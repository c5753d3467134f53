"""Steps that are taken with many messages at once: each is one call of the claim store.

With a message at which another step is under way it is taken after that.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from service_kit.failpoints import afailpoint

from durable_queue.claims.store import Operation, Reply
from durable_queue.errors import QueueError
from durable_queue.messages import Change
from durable_queue.rabbitmq.held import HeldMessage
from durable_queue.rabbitmq.routing import MessageRouter
from durable_queue.verdicts import Ack, Advance, Start

H = TypeVar("H", bound=HeldMessage)
T = TypeVar("T")

Outcomes = list[QueueError | None]


async def start_all(router: MessageRouter, starts: Sequence[tuple[H, Start]]) -> Outcomes:
    """Start messages, or end those for which it is too late; return what went wrong with each."""

    async def step(starts: Sequence[tuple[H, Start]]) -> Outcomes:
        asked = [held.starting(start) for held, start in starts]
        replies = await _replies(router, asked)
        return [
            held.started(operation, start, reply)
            for (held, start), operation, reply in zip(starts, asked, replies, strict=True)
        ]

    return await _in_turn(starts, step)


async def advance_all(router: MessageRouter, advances: Sequence[tuple[H, Advance]]) -> Outcomes:
    """Start messages in another lane; otherwise as `start_all`."""

    async def step(advances: Sequence[tuple[H, Advance]]) -> Outcomes:
        asked = [held.advancing(advance) for held, advance in advances]
        replies = await _replies(router, asked)
        return [
            held.advanced(operation, advance, reply)
            for (held, advance), operation, reply in zip(advances, asked, replies, strict=True)
        ]

    return await _in_turn(advances, step)


async def ack_all(router: MessageRouter, acks: Sequence[tuple[H, Ack]]) -> Outcomes:
    """Settle messages that are done; return what went wrong with each."""

    async def step(acks: Sequence[tuple[H, Ack]]) -> Outcomes:
        asked = [held.finishing("ack", Change.DONE, ack.note) for held, ack in acks]
        replies = await router.claims.run_many(asked)
        outcomes = [
            held.finished("ack", reply) for (held, _), reply in zip(acks, replies, strict=True)
        ]
        await afailpoint("queue.after_decide")
        for (held, _), error in zip(acks, outcomes, strict=True):
            if error is None:
                held.let_go("ack")
        return outcomes

    return await _in_turn(acks, step)


async def _replies(
    router: MessageRouter, asked: Sequence[Operation | None]
) -> list[Reply | QueueError | None]:
    replies = iter(await router.claims.run_many([each for each in asked if each is not None]))
    return [next(replies) if each is not None else None for each in asked]


async def _in_turn(
    asked: Sequence[tuple[H, T]],
    step: Callable[[Sequence[tuple[H, T]]], Awaitable[Outcomes]],
) -> Outcomes:
    outcomes: Outcomes = [None] * len(asked)
    free: list[int] = []
    for place, (held, _) in enumerate(asked):
        if not held.turn.locked():
            await held.turn.acquire()
            free.append(place)
    try:
        for place, outcome in zip(free, await step([asked[each] for each in free]), strict=True):
            outcomes[place] = outcome
    finally:
        for place in free:
            asked[place][0].turn.release()
    for place in sorted(set(range(len(asked))) - set(free)):
        async with asked[place][0].turn:
            [outcomes[place]] = await step([asked[place]])
    return outcomes
