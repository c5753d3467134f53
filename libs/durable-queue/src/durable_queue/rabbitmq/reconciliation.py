"""Making claims and records agree with the dead letters that there are.

They can differ: who kept them in memory was restarted; the broker itself gave a message up; a crash
between two steps left a letter behind whose message has moved on.
"""

import asyncio
from typing import Final

from aio_pika.abc import AbstractIncomingMessage

from durable_queue.claims.operations import Reservation
from durable_queue.claims.store import State
from durable_queue.port import Change, QueueUnavailable
from durable_queue.rabbitmq.dead_letter_browser import DeadLetter, DeadLetterBrowser
from durable_queue.rabbitmq.dead_lettering import DeadLetterReason
from durable_queue.rabbitmq.envelope import Envelope, new_id, own_id
from durable_queue.rabbitmq.routing import MessageRouter

_LIMIT: Final = ".limit"


async def reconcile(router: MessageRouter, browser: DeadLetterBrowser) -> int:
    """Look at all dead letters; return for how many claims and records were repaired.

    Raises what aio-pika does, and `QueueUnavailable`: again is safe.
    """
    mended = 0
    async for letters in browser.scan():
        mended += sum(
            await asyncio.gather(*(_reconcile(router, browser, letter) for letter in letters))
        )
    while browser.without_id:
        await _adopt(router, browser.without_id[-1])
        browser.without_id.pop()
        mended += 1
    return mended


async def reserve_own_id(router: MessageRouter, body: bytes) -> tuple[str, Reservation] | None:
    """Take the name that a foreign producer gave its message; None if it gave none, or a used one.

    Raises `QueueUnavailable`.
    """
    given = own_id(body)
    reservation = await router.claims.reserve(given, None) if given else None
    return (given, reservation) if given and isinstance(reservation, Reservation) else None


async def reserve_new_id(router: MessageRouter) -> tuple[str, Reservation]:
    """Make a name for a message that has none. Raises `QueueUnavailable`."""
    name = new_id()
    reservation = await router.claims.reserve(name, None)
    if not isinstance(reservation, Reservation):
        raise QueueUnavailable("a new id was taken")
    return name, reservation


async def reconcile_dead_letter(router: MessageRouter, dead: Envelope) -> str:
    """Have claims and record know of a dead letter; `stale` if its message has moved on.

    Else `kept` if they knew of it, `adopted` if they do from now on, `busy` if somebody holds it.
    Raises `QueueUnavailable`; again is safe.
    """
    found = await router.claims.audit(dead.id, dead.revision, is_uncertain=dead.uncertain)
    if found == "adopted":
        end = DeadLetterReason.of(dead)
        at_ms = dead.since if dead.change else 0
        await router.claims.record(router.event(end.change, dead, end.note, at_ms=at_ms))
    return found


async def _reconcile(router: MessageRouter, browser: DeadLetterBrowser, letter: DeadLetter) -> bool:
    found = await reconcile_dead_letter(router, letter.envelope)
    if found == "stale":
        await browser.drop(letter)
    return found == "adopted"


async def _adopt(router: MessageRouter, copy: AbstractIncomingMessage) -> None:
    """Make a dead letter of a foreign producer's message that the broker gave up."""
    name, reservation = await reserve_own_id(router, copy.body) or await reserve_new_id(router)
    dead = Envelope(
        id=name,
        lane=(copy.routing_key or "").removesuffix(_LIMIT),
        body=copy.body,
        revision=reservation.revision,
        since=router.now_ms,
        change=Change.POISONED.value,
        error="poison: the broker gave it up",
    )
    await router.publisher.to_dead_letters(dead)
    await router.record(Change.ADOPTED, dead)
    await router.record(Change.POISONED, dead)
    await router.claims.settled(name, reservation.token, dead.revision, State.DEAD)
    await copy.ack()
