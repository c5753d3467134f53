"""Dead letters that somebody put back into a lane by hand: a shovel, or "Move messages".

The operator wants them to be tried again. So it counts as a replay: into the lane in which they
died, whichever they were put into.
"""

from dataclasses import replace
from typing import Final

from service_kit.logs import get_logger

from durable_queue.claims.operations import Reservation
from durable_queue.claims.store import State
from durable_queue.port import Change
from durable_queue.rabbitmq.consumer_session import ReceivedCopy
from durable_queue.rabbitmq.reconciliation import reconcile_dead_letter
from durable_queue.rabbitmq.routing import MessageRouter, publish_and_record

log = get_logger(__name__)

_BY_HAND: Final = b"put back into a lane by hand"
_LOOK_AGAIN_MS: Final = 1000


async def replay_requeued(router: MessageRouter, copy: ReceivedCopy) -> None:
    """Replay a dead letter that came out of a lane, if its message has not moved on since.

    Any other copy is an old one, and is dropped. Raises `QueueUnavailable`; again is safe.
    """
    letter = replace(copy.envelope, lane=copy.own_lane)
    known = await reconcile_dead_letter(router, letter)
    if known == "stale":
        if letter.is_dead_letter:
            _say("rabbitmq.old_dead_letter_dropped", copy)
    elif not letter.is_schema_supported:
        await router.publisher.to_dead_letters(letter)
        _say("rabbitmq.dead_letter_not_understood", copy)
    elif not (known in {"kept", "adopted"} and await _replayed(router, copy)):
        await router.publisher.to_delay_queue(copy.envelope, _LOOK_AGAIN_MS)
    copy.done()


async def _replayed(router: MessageRouter, copy: ReceivedCopy) -> bool:
    letter = replace(copy.envelope, lane=copy.own_lane)
    reservation = await router.claims.move(letter.id)
    if not isinstance(reservation, Reservation):
        return False  # somebody replays it just now
    if reservation.revision != letter.revision:
        await router.claims.settled(letter.id, reservation.token, reservation.revision, State.DEAD)
        return False
    again = letter.replayed(due=0, since=router.now_ms)
    await publish_and_record(router, again, reservation, Change.REPLAYED, _BY_HAND)
    _say("rabbitmq.dead_letter_put_back", copy)
    return True


def _say(event: str, copy: ReceivedCopy) -> None:
    envelope = copy.envelope
    log.warning(event, message_id=envelope.id, found_in=envelope.lane, died_in=copy.own_lane)
