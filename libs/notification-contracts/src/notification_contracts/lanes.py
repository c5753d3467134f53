"""The names of the queues. A queue's name says what its messages wait for.

`validation.<priority>` waits for the validation stage, `delivery.<channel>.<priority>` for the
delivery stage of one channel. Priority is part of both, so that an urgent notification overtakes a
backlog that waits for a slow provider, and not only one that waits for validation.
"""

from dataclasses import dataclass

from notification_contracts.channels import CHANNELS, ChannelName
from notification_contracts.states import Priority

PRIORITIES = (Priority.HIGH, Priority.NORMAL, Priority.LOW)
VALIDATION = "validation"
DELIVERY = "delivery"
WEBHOOKS = "webhooks"
"""The stage that tells webhooks, and its one lane, in a queue of its own."""


def validation_lane(priority: Priority) -> str:
    """Name the queue in which a notification of this priority waits for validation."""
    return f"{VALIDATION}.{priority.value}"


def delivery_lane(channel: ChannelName, priority: Priority) -> str:
    """Name the queue in which a notification waits to be sent on this channel."""
    return f"{DELIVERY}.{channel}.{priority.value}"


def validation_lanes() -> tuple[str, ...]:
    """Name all queues of the validation stage, most urgent first."""
    return tuple(validation_lane(priority) for priority in PRIORITIES)


def delivery_lanes(channel: ChannelName) -> tuple[str, ...]:
    """Name all queues of one channel's delivery stage, most urgent first."""
    return tuple(delivery_lane(channel, priority) for priority in PRIORITIES)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneParts:
    """What a lane's name says; `channel` is None for validation."""

    stage: str
    channel: ChannelName | None
    priority: Priority


def parts_of(lane: str) -> LaneParts:
    """Return what the name of one of our lanes says."""
    stage, *channel, priority = lane.split(".")
    return LaneParts(
        stage=stage, channel=channel[0] if channel else None, priority=Priority(priority)
    )


def all_lanes() -> tuple[str, ...]:
    """Name all queues there are."""
    delivery = (lane for channel in CHANNELS for lane in delivery_lanes(channel))
    return (*validation_lanes(), *delivery)
