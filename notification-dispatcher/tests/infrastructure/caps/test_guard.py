"""What the caps hold back, and what they refuse."""

from datetime import timedelta

import pytest
from durable_queue.port import QueueUnavailable
from notification_contracts.states import Reason
from notification_dispatcher.domain.sending import NotTried, SendResult
from notification_dispatcher.infrastructure.caps.caps import ChannelCaps, Countries, country_of
from notification_dispatcher.infrastructure.caps.guard import CapMetrics, GuardedSender
from notification_dispatcher.infrastructure.caps.memory import InMemoryWindows
from notification_providers.port import (
    Accepted,
    FaultSide,
    OutgoingMessage,
    PermanentFailure,
    Repeating,
)
from prometheus_client import CollectorRegistry
from testkit.logs import captured_logs

HOUR = timedelta(hours=1)
ADA, BOB = "+12025550101", "+12025550102"


class RecordingSender:
    def __init__(self):
        self.sent = []
        self.is_repeatable = False

    def repeating(self, provider):
        return Repeating.NEITHER

    async def find(self, provider, message, *, since):
        return None

    async def send(self, message, *, on_start, first=None, is_for_first=False):
        self.sent.append(message)
        return SendResult(outcome=Accepted())


class Guarded:
    """A guarded sender, what it let through, and a clock that is set by hand."""

    def __init__(self, **caps):
        self.now = 1000.0
        self.registry = CollectorRegistry()
        self.sender = RecordingSender()
        self.guard = GuardedSender(
            channel="sms",
            sender=self.sender,
            caps=ChannelCaps(**caps),
            windows=InMemoryWindows(monotonic=lambda: self.now),
            metrics=CapMetrics(self.registry),
            monotonic=lambda: self.now,
        )

    async def __call__(self, key, address=ADA):
        message = OutgoingMessage(
            trace_id=key,
            channel="sms",
            attempt=1,
            idempotency_key=key,
            address=address,
            message="hello",
        )

        async def on_start(provider):
            raise AssertionError("only a provider starts")

        return (await self.guard.send(message, on_start=on_start)).outcome

    def counted(self, name, **labels):
        return self.registry.get_sample_value(name, {"channel": "sms", **labels}) or 0


async def test_what_an_address_may_not_get_for_now_waits_and_is_not_tried():
    guarded = Guarded(per_address=2)

    assert [await guarded(key) for key in ("1", "2")] == [Accepted(), Accepted()]
    held = await guarded("3")

    assert held == NotTried(
        reason=Reason.GUARDED,
        detail="sms has a cap of 2 for each address and hour",
        retry_in=HOUR,
    )
    assert len(guarded.sender.sent) == 2
    assert guarded.counted("dispatcher_guarded_total", cap="address") == 1


async def test_it_goes_when_there_is_room_again():
    guarded = Guarded(per_address=1)
    await guarded("1")
    guarded.now += 1800
    assert (await guarded("2")).retry_in == HOUR / 2

    guarded.now += 1800

    assert await guarded("2") == Accepted()


async def test_a_retry_of_the_same_notification_is_not_counted_again():
    guarded = Guarded(per_address=2)

    outcomes = [await guarded(key) for key in ("1", "1", "1", "1", "2")]

    assert outcomes == [Accepted()] * 5


async def test_each_address_has_its_own_room():
    guarded = Guarded(per_address=1)

    assert [await guarded("1", ADA), await guarded("2", BOB)] == [Accepted(), Accepted()]


async def test_those_who_wait_do_not_all_ask_for_each_place_that_is_free():
    guarded = Guarded(per_day=1)
    await guarded("1")
    guarded.now += timedelta(days=1).total_seconds() - 1

    assert (await guarded("2")).retry_in == timedelta(hours=1)


async def test_a_channel_has_a_cap_for_the_day():
    guarded = Guarded(per_day=2, per_address=1)
    await guarded("1", ADA)
    await guarded("2", BOB)

    held = await guarded("3", "+12025550103")

    assert held.detail == "sms has a cap of 2 for each day"


async def test_what_waits_for_one_cap_takes_no_room_of_another():
    guarded = Guarded(per_day=2, per_address=1)
    await guarded("1", ADA)
    for key in ("2", "3", "4"):
        assert isinstance(await guarded(key, ADA), NotTried)

    assert await guarded("5", BOB) == Accepted()


async def test_a_country_that_is_not_allowed_is_refused_for_good():
    guarded = Guarded(countries=Countries.parse("US,CH=1"))

    refused = await guarded("1", "+18765550101")

    assert refused == PermanentFailure(
        reason=Reason.GUARDED,
        detail="JM is not among the countries that sms may go to",
        fault=FaultSide.RECIPIENT,
    )
    assert await guarded("2", ADA) == Accepted()
    assert guarded.counted("dispatcher_guarded_total", cap="country") == 1


async def test_a_country_may_have_a_cap_of_its_own():
    guarded = Guarded(countries=Countries.parse("US,CH=1,*=2"))
    swiss = ["+41781234567", "+41781234568"]

    assert await guarded("1", swiss[0]) == Accepted()
    assert (await guarded("2", swiss[1])).detail == "sms has a cap of 1 for each hour to CH"
    assert [await guarded(key, "+18765550101") for key in "34"] == [Accepted(), Accepted()]
    assert isinstance(await guarded("5", "+18765550101"), NotTried)
    assert [await guarded(key) for key in "678"] == [Accepted()] * 3


@pytest.mark.parametrize(
    ("number", "country"),
    [
        ("+12025550101", "US"),
        ("+14165550101", "CA"),
        ("+18765550101", "JM"),
        ("+41781234567", "CH"),
        ("+881612345678", "001"),
        ("not a number", "?"),
        ("+999123456", "?"),
    ],
)
def test_a_number_tells_its_country(number, country):
    assert country_of(number) == country


async def test_many_numbers_of_one_range_are_warned_of_and_sent():
    guarded = Guarded(pumping_numbers=5)

    with captured_logs() as logs:
        outcomes = [await guarded(str(n), f"+1876555{n:04}") for n in range(8)]
        await guarded("same", "+18765550001")
        lines = logs()

    assert outcomes == [Accepted()] * 8
    assert guarded.counted("dispatcher_number_pumping_total") == 3
    [warning] = [line for line in lines if line["event"] == "guard.number_pumping"]
    assert (warning["range"], warning["more_than"]) == ("+18765550…", 5)


async def test_numbers_of_many_ranges_or_over_time_are_no_pumping():
    guarded = Guarded(pumping_numbers=5)
    for n in range(20):
        await guarded(f"a{n}", f"+1876{n:03}0000")
    for n in range(20):
        guarded.now += 300
        await guarded(f"b{n}", f"+1202555{n:04}")

    assert guarded.counted("dispatcher_number_pumping_total") == 0


async def test_a_cap_is_warned_of_once_a_minute_and_names_no_number():
    guarded = Guarded(per_address=1)

    with captured_logs() as logs:
        for key in ("1", "2", "3", "4"):
            await guarded(key)
        guarded.now += 60
        await guarded("5")
        lines = logs()

    warnings = [line for line in lines if line["event"] == "guard.cap_reached"]
    assert len(warnings) == 2
    assert "2025550101" not in repr(lines)


async def test_while_nothing_can_be_counted_nothing_is_sent():
    class Unreachable:
        is_shared = True

        async def enter(self, member, windows):
            raise QueueUnavailable("down")

        async def close(self):
            pass

    guarded = Guarded(per_address=1)
    guard = GuardedSender(
        channel="sms",
        sender=guarded.sender,
        caps=guarded.guard.caps,
        windows=Unreachable(),
        metrics=guarded.guard.metrics,
    )
    guarded.guard = guard

    outcome = await guarded("1")

    assert (type(outcome), outcome.reason) == (NotTried, Reason.GUARDED)
    assert guarded.sender.sent == []
