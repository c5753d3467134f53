"""Making claims and records agree with the dead letters that there are.

They can differ: who kept them in memory was restarted; the broker itself gave a message up; a crash
between two steps left a letter behind whose message has moved on.
"""

import asyncio
from typing import Final

from aio_pika.abc import AbstractIncomingMessage

from durable_queue.claims.calls import Reserved
from durable_queue.claims.store import State
from durable_queue.port import Change, QueueUnavailable
from durable_queue.rabbitmq.burial import End
from durable_queue.rabbitmq.dead_letters import DeadLetterDesk, Letter
from durable_queue.rabbitmq.envelope import Envelope, new_id, own_id
from durable_queue.rabbitmq.moves import Moves

_LIMIT: Final = ".limit"


async def audit(moves: Moves, desk: DeadLetterDesk) -> int:
    """Look at all dead letters; return for how many claims and records were mended.

    Raises what aio-pika does, and `QueueUnavailable`: again is safe.
    """
    mended = 0
    async for letters in desk.sweep():
        mended += sum(await asyncio.gather(*(_mend(moves, desk, letter) for letter in letters)))
    while desk.nameless:
        await _name(moves, desk.nameless[-1])
        desk.nameless.pop()
        mended += 1
    return mended


async def reserve_name(moves: Moves, body: bytes) -> tuple[str, Reserved] | None:
    """Take the name that a foreign producer gave its message; None if it gave none, or a used one.

    Raises `QueueUnavailable`.
    """
    given = own_id(body)
    reserved = await moves.claims.reserve(given, None) if given else None
    return (given, reserved) if given and isinstance(reserved, Reserved) else None


async def reserve_new_name(moves: Moves) -> tuple[str, Reserved]:
    """Make a name for a message that has none. Raises `QueueUnavailable`."""
    name = new_id()
    reserved = await moves.claims.reserve(name, None)
    if not isinstance(reserved, Reserved):
        raise QueueUnavailable("a new id was taken")
    return name, reserved


async def acknowledge(moves: Moves, dead: Envelope) -> str:
    """Have claims and record know of a dead letter; `stale` if its message has moved on.

    Else `kept` if they knew of it, `adopted` if they do from now on, `busy` if somebody holds it.
    Raises `QueueUnavailable`; again is safe.
    """
    found = await moves.claims.audit(dead.id, dead.hop, is_uncertain=dead.uncertain)
    if found == "adopted":
        end = End.of(dead)
        at_ms = dead.since if dead.change else 0
        await moves.claims.record(moves.told(end.change, dead, end.note, at_ms=at_ms))
    return found


async def _mend(moves: Moves, desk: DeadLetterDesk, letter: Letter) -> bool:
    found = await acknowledge(moves, letter.envelope)
    if found == "stale":
        await desk.drop(letter)
    return found == "adopted"


async def _name(moves: Moves, copy: AbstractIncomingMessage) -> None:
    """Make a dead letter of ours out of what a foreign producer made and the broker gave up."""
    name, reserved = await reserve_name(moves, copy.body) or await reserve_new_name(moves)
    dead = Envelope(
        id=name,
        lane=(copy.routing_key or "").removesuffix(_LIMIT),
        body=copy.body,
        hop=reserved.hop,
        max_attempts=moves.options.raw_max_attempts,
        since=moves.now_ms,
        change=Change.POISONED.value,
        error="poison: the broker gave it up",
    )
    await moves.publisher.to_dead_letters(dead)
    await moves.record(Change.ADOPTED, dead)
    await moves.record(Change.POISONED, dead)
    await moves.claims.settled(name, reserved.token, dead.hop, State.DEAD)
    await copy.ack()
