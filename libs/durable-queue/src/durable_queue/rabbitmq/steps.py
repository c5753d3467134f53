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
    return await _begin(router, starts, HeldMessage.starting, HeldMessage.started)


async def advance_all(router: MessageRouter, advances: Sequence[tuple[H, Advance]]) -> Outcomes:
    """Start messages in another lane; otherwise as `start_all`."""
    return await _begin(router, advances, HeldMessage.advancing, HeldMessage.advanced)


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


async def _begin(
    router: MessageRouter,
    said: Sequence[tuple[H, T]],
    ask: Callable[[H, T], Operation],
    take_in: Callable[[H, Operation | None, T, Reply | QueueError | None], QueueError | None],
) -> Outcomes:
    async def step(said: Sequence[tuple[H, T]]) -> Outcomes:
        asked = [
            held.ending_too_late() or (None if held.is_expired else ask(held, each))
            for held, each in said
        ]
        given = iter(await router.claims.run_many([each for each in asked if each is not None]))
        return [
            take_in(held, operation, each, None if operation is None else next(given))
            for (held, each), operation in zip(said, asked, strict=True)
        ]

    return await _in_turn(said, step)


async def _in_turn(
    asked: Sequence[tuple[H, T]],
    step: Callable[[Sequence[tuple[H, T]]], Awaitable[Outcomes]],
) -> Outcomes:
    outcomes: Outcomes = [None] * len(asked)
    free: list[int] = []
    try:
        for place, (held, _) in enumerate(asked):
            if not held.turn.locked():
                await held.turn.acquire()
                free.append(place)
        for place, outcome in zip(free, await step([asked[each] for each in free]), strict=True):
            outcomes[place] = outcome
    finally:
        for place in free:
            asked[place][0].turn.release()
    for place in sorted(set(range(len(asked))) - set(free)):
        async with asked[place][0].turn:
            [outcomes[place]] = await step([asked[place]])
    return outcomes
