"""How fast messages leave a lane."""

from notification_publisher.domain.lane_rates import PERIOD, LaneRates


def test_a_rate_is_that_since_the_earliest_count_of_the_period() -> None:
    rates = LaneRates()
    rates.observe({"a": 100}, 0.0)
    rates.observe({"a": 150}, 5.0)

    assert rates.observe({"a": 200}, 10.0) == {"a": 10.0}
    assert rates.observe({"a": 200}, 15.0) == {"a": 5.0}


def test_the_first_count_after_a_while_gives_no_rate() -> None:
    rates = LaneRates()

    assert rates.observe({"a": 100}, 0.0) == {"a": None}
    assert rates.observe({"a": 900}, PERIOD.total_seconds() + 1) == {"a": None}


def test_where_nobody_counts_there_is_no_rate() -> None:
    rates = LaneRates()
    rates.observe({"a": None}, 0.0)

    assert rates.observe({"a": None, "new": 3}, 5.0) == {"a": None, "new": None}


def test_a_count_that_went_back_is_no_negative_rate() -> None:
    rates = LaneRates()
    rates.observe({"a": 100}, 0.0)

    assert rates.observe({"a": 90}, 5.0) == {"a": 0.0}
