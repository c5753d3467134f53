"""Providers that carry only addresses of their own kind, as those of push do."""

from datetime import UTC, datetime, timedelta

import pytest
from notification_contracts.states import Reason
from notification_dispatcher.domain.retries import RetryPolicy
from notification_dispatcher.domain.sending import NotTried
from notification_dispatcher.infrastructure.providers.pauses.memory import InMemoryPauses
from notification_dispatcher.infrastructure.providers.senders import BreakerSettings, ChannelSenders
from notification_providers.delivery import DeliveryPolicy, Diverter
from notification_providers.memory import InMemoryProvider
from notification_providers.port import (
    Accepted,
    Diversion,
    FaultSide,
    OutgoingMessage,
    PermanentFailure,
    TransientFailure,
)
from notification_providers.urls import Limits
from prometheus_client import CollectorRegistry

BUSY = TransientFailure(reason=Reason.PROVIDER_UNAVAILABLE, detail="busy")


class Selective(InMemoryProvider):
    """Takes addresses that begin with its name."""

    def takes(self, address):
        return address.startswith(self.name)


@pytest.fixture
def send_to():
    async def on_start(_provider):
        pass

    def of(*providers, delivery="live"):
        senders = ChannelSenders(
            {"push": [(provider, Limits()) for provider in providers]},
            breaker=BreakerSettings(failures=1, pause=timedelta(hours=1)),
            pauses=InMemoryPauses(),
            bounded=RetryPolicy().bounded,
            diverter=Diverter(delivery=DeliveryPolicy.parse(delivery)),
            registry=CollectorRegistry(),
            now=lambda: datetime.now(UTC),
        )

        async def send(address):
            message = OutgoingMessage(
                trace_id="t-1",
                channel="push",
                attempt=1,
                idempotency_key="t-1",
                address=address,
                message="m",
            )
            return await senders.by_channel["push"].send(message, on_start=on_start)

        return send

    return of


async def test_an_address_goes_to_those_who_take_it_alone(send_to):
    fcm, apns, other_apns = Selective(name="fcm"), Selective(name="apns"), Selective(name="apns")
    apns.answers = [BUSY]

    result = await send_to(fcm, apns, other_apns)("apns:1")

    assert result.outcome == Accepted()
    assert (fcm.sent, len(apns.sent), len(other_apns.sent)) == ([], 1, 1)


async def test_what_is_redirected_goes_to_who_takes_the_address_that_it_goes_to(send_to):
    fcm, apns = Selective(name="fcm"), Selective(name="apns")

    result = await send_to(fcm, apns, delivery="redirect:push=apns:mine")("fcm:1")

    assert result.outcome == Accepted(diversion=Diversion.REDIRECTED)
    assert (fcm.sent, [sent.address for sent in apns.sent]) == ([], ["apns:mine"])


async def test_who_is_not_selective_takes_every_address(send_to):
    fcm, fake = Selective(name="fcm"), InMemoryProvider(name="fake")

    await send_to(fcm, fake)("apns:1")

    assert len(fake.sent) == 1


async def test_an_address_that_nobody_takes_is_invalid(send_to):
    result = await send_to(Selective(name="fcm"))("{}")

    assert isinstance(result.outcome, PermanentFailure)
    assert result.outcome.reason is Reason.INVALID_ADDRESS
    assert result.outcome.fault is FaultSide.RECIPIENT
    assert result.call is None


async def test_the_open_breaker_of_who_does_not_take_it_is_no_hindrance(send_to):
    fcm, apns = Selective(name="fcm"), Selective(name="apns")
    send = send_to(fcm, apns)
    fcm.answers = [BUSY]
    await send("fcm:1")

    waiting, sent = await send("fcm:1"), await send("apns:1")

    assert isinstance(waiting.outcome, NotTried)
    assert sent.outcome == Accepted()
