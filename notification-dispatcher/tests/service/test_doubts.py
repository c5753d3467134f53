from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from notification_providers.port import Accepted, Repeating, UncertainFailure
from notification_providers.urls import Limits

AHEAD = timedelta(hours=1)


@dataclass
class LosesItsAnswer:
    """Takes a message without an answer, and can be asked for it later."""

    name: str = "askable"
    repeating: Repeating = Repeating.ASKABLE
    sent: int = 0
    asked_from: list[datetime] = field(default_factory=list)

    async def send(self, message):
        self.sent += 1
        return UncertainFailure(detail="hung up")

    async def find(self, message, *, since):
        self.asked_from.append(since)
        return Accepted(message_id="m-1")

    async def close(self):
        return


async def test_a_provider_is_asked_by_the_brokers_clock_not_by_the_dispatchers(in_memory):
    provider, began = LosesItsAnswer(), datetime.now(UTC)
    async with in_memory(
        providers={"sms": [(provider, Limits())]}, now=lambda: datetime.now(UTC) + AHEAD
    ) as (send, _):
        record = await send.until(await send(channel="sms"), "sent", "failed")

    assert (record.status, provider.sent) == ("sent", 1)
    [since] = provider.asked_from
    assert round((since - began) / AHEAD) == 1
