"""The names of the queues."""

from notification_contracts import lanes


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
