"""Dead letters that somebody put back into a lane by hand: a shovel, or "Move messages".

Whoever does so wants them to be tried again. So it counts as a replay: into the lane in which they
died, whichever they were put into.
"""

from dataclasses import replace
from typing import Final

from service_kit.logs import get_logger

from durable_queue.claims.calls import Reserved
from durable_queue.claims.store import State
from durable_queue.port import Change
from durable_queue.rabbitmq.audit import acknowledge
from durable_queue.rabbitmq.intake import Arrived
from durable_queue.rabbitmq.moves import Moves, bring_in

log = get_logger(__name__)

_BY_HAND: Final = b"put back into a lane by hand"
_LOOK_AGAIN_MS: Final = 1000


async def take_back(moves: Moves, arrived: Arrived) -> None:
    """Replay a dead letter that came out of a lane, if its message has not moved on since.

    Any other copy is an old one, and is dropped. Raises `QueueUnavailable`; again is safe.
    """
    letter = replace(arrived.envelope, lane=arrived.own_lane)
    known = await acknowledge(moves, letter)
    if known == "stale":
        if letter.is_dead_letter:
            _say("rabbitmq.old_dead_letter_dropped", arrived)
    elif not letter.is_understood:
        await moves.publisher.to_dead_letters(letter)
        _say("rabbitmq.dead_letter_not_understood", arrived)
    elif not (known in {"kept", "adopted"} and await _replayed(moves, arrived)):
        await moves.publisher.to_waiting_room(arrived.envelope, _LOOK_AGAIN_MS)
    await arrived.done()


async def _replayed(moves: Moves, arrived: Arrived) -> bool:
    letter = replace(arrived.envelope, lane=arrived.own_lane)
    reserved = await moves.claims.move(letter.id)
    if not isinstance(reserved, Reserved):
        return False  # somebody replays it just now
    if reserved.hop != letter.hop:
        await moves.claims.settled(letter.id, reserved.token, reserved.hop, State.DEAD)
        return False
    again = letter.replayed(due=0, since=moves.now_ms)
    await bring_in(moves, again, reserved, Change.REPLAYED, _BY_HAND)
    _say("rabbitmq.dead_letter_put_back", arrived)
    return True


def _say(event: str, arrived: Arrived) -> None:
    envelope = arrived.envelope
    log.warning(event, message_id=envelope.id, found_in=envelope.lane, died_in=arrived.own_lane)
