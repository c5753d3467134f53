"""The names of the queues."""

import pytest
from notification_contracts import lanes
from notification_contracts.states import Priority


def test_validation_queues_are_named_by_priority_most_urgent_first() -> None:
    assert lanes.validation_lanes() == (
        "validation.high",
        "validation.normal",
        "validation.low",
    )


def test_delivery_queues_are_named_by_channel_and_priority_most_urgent_first() -> None:
    assert lanes.delivery_lanes("sms") == (
        "delivery.sms.high",
        "delivery.sms.normal",
        "delivery.sms.low",
    )


@pytest.mark.parametrize("priority", list(Priority))
@pytest.mark.parametrize("channel", ["email", "web-hook"])
def test_a_delivery_queues_channel_is_read_back(channel: str, priority: Priority) -> None:
    assert lanes.channel_of(lanes.delivery_lane(channel, priority)) == channel


@pytest.mark.parametrize("lane", [*lanes.validation_lanes(), "", "dead", "deliveryx.email.low"])
def test_other_queues_have_no_channel(lane: str) -> None:
    assert lanes.channel_of(lane) is None
