"""What every provider promises, as one suite of tests, run against the lab.

    class TestSmtp(ProviderContract):
        @pytest.fixture
        async def harness(self) -> AsyncIterator[ProviderHarness]:
            async with Lab.started() as lab:
                yield ProviderHarness(
                    lab=lab, wire="smtp", channel="email", address="ada@example.com",
                    url=f"smtp://127.0.0.1:{lab.smtp_port}?from=shop@example.org",
                    refusals=[Refusal({"answer": "gone"}, AddressGone)],
                )

What is a provider's own, such as how it asks, stands in tests of its own.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

import pytest
from asyncnotify_lab import Arrival, Lab
from notification_contracts.channels import ChannelName
from notification_contracts.states import Reason
from notification_providers.port import (
    Accepted,
    AskableProvider,
    CheckableProvider,
    FaultSide,
    OutgoingMessage,
    Provider,
    ProviderAnswer,
    Repeating,
    TransientFailure,
    UncertainFailure,
)
from notification_providers.registry import PROVIDERS
from notification_providers.urls import Limits, ProviderContext

PATIENCE: Final = timedelta(seconds=60)
_IMPATIENCE: Final = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A fault of the wire, in the lab's words, and what the provider makes of it."""

    fault: Mapping[str, Any]
    kind: type[ProviderAnswer]
    reason: Reason | None = None
    side: FaultSide | None = None


@dataclass(slots=True, kw_only=True)
class ProviderHarness:
    """One provider in front of a lab.

    `refusals` are what its vendor documents. `key_of` finds the idempotency key, or what collapses
    repetitions, in what arrived. `throttled` is a fault with a `Retry-After` of 60 s, None for a
    wire that has no such thing.
    """

    lab: Lab
    wire: str
    channel: ChannelName
    address: str = field(repr=False)
    url: str = field(repr=False)
    refusals: Sequence[Refusal]
    key_of: Callable[[Arrival], object] | None = None
    throttled: Mapping[str, Any] | None = None
    secrets: Sequence[str] = field(default=(), repr=False)
    _opened: list[Provider] = field(default_factory=list, init=False, repr=False)

    def open(self, timeout: timedelta = PATIENCE) -> Provider:
        """Make the provider from its URL."""
        context = ProviderContext(channel=self.channel, now=lambda: datetime.now(UTC))
        provider, _ = PROVIDERS.open(self.url, context, Limits(timeout=timeout))
        self._opened.append(provider)
        return provider

    def fault(self, **fields: Any) -> None:  # noqa: ANN401 - the fields of the lab's `Fault`
        """Script a fault of this wire."""
        self.lab.fault(**{"wire": self.wire, **fields})

    def message(self, **fields: Any) -> OutgoingMessage:  # noqa: ANN401 - its fields
        """Make a message to the harness's address."""
        trace_id = str(uuid4())
        usual = {"message": "your order is on its way", "subject": "Order", "attempt": 1}
        return OutgoingMessage(
            trace_id=trace_id,
            channel=self.channel,
            idempotency_key=trace_id,
            address=self.address,
            **{**usual, **fields},
        )

    @property
    def arrived(self) -> Sequence[Arrival]:
        """What this wire took."""
        return self.lab.messages.find(wire=self.wire)

    async def close(self) -> None:
        """Close what was opened."""
        for provider in self._opened:
            await provider.close()


class ProviderContract:
    """Subclass it, and give it a fixture `harness`."""

    @pytest.fixture
    async def provider(self, harness: ProviderHarness) -> AsyncIterator[Provider]:
        yield harness.open()
        await harness.close()

    async def test_what_it_takes_arrives_once(
        self, harness: ProviderHarness, provider: Provider
    ) -> None:
        answer = await provider.send(harness.message())

        assert isinstance(answer, Accepted)
        [arrived] = harness.arrived
        assert "on its way" in (arrived.text or str(arrived.data))

    async def test_it_sends_again_and_again(
        self, harness: ProviderHarness, provider: Provider
    ) -> None:
        messages = [harness.message() for _ in range(5)]
        answers = [await provider.send(messages[0])]
        answers += await asyncio.gather(*(provider.send(each) for each in messages[1:]))

        assert {type(each) for each in answers} == {Accepted}
        ids = [
            each.message_id for each in answers if isinstance(each, Accepted) and each.message_id
        ]
        assert len(set(ids)) == len(ids)
        assert len(harness.arrived) == 5

    async def test_each_refusal_becomes_what_the_vendor_means(
        self, harness: ProviderHarness, provider: Provider
    ) -> None:
        for refusal in harness.refusals:
            harness.fault(times=1, **refusal.fault)

            answer = await provider.send(harness.message())

            assert isinstance(answer, refusal.kind), f"{refusal.fault} became {answer}"
            if refusal.reason is not None:
                assert getattr(answer, "reason", None) is refusal.reason, refusal.fault
            if refusal.side is not None:
                assert getattr(answer, "fault", None) is refusal.side, refusal.fault
        assert isinstance(await provider.send(harness.message()), Accepted)

    async def test_no_detail_shows_an_address_or_a_secret(
        self, harness: ProviderHarness, provider: Provider
    ) -> None:
        hidden = [harness.address, *harness.secrets]
        for refusal in harness.refusals:
            harness.fault(times=1, **{"text": f"no {harness.address}", **refusal.fault})
            shown = repr(await provider.send(harness.message()))

            assert not [each for each in hidden if each in shown]
        assert not [each for each in harness.secrets if each in repr(provider) + provider.name]

    async def test_without_a_connection_nothing_was_sent(
        self, harness: ProviderHarness, provider: Provider
    ) -> None:
        await harness.lab.stop()
        answer = await provider.send(harness.message())
        await harness.lab.start()

        assert isinstance(answer, TransientFailure)
        assert answer.fault is FaultSide.PROVIDER
        assert isinstance(await provider.send(harness.message()), Accepted)

    async def test_a_connection_that_was_kept_may_die(
        self, harness: ProviderHarness, provider: Provider
    ) -> None:
        await provider.send(harness.message())
        await harness.lab.stop()
        await harness.lab.start()

        assert isinstance(await provider.send(harness.message()), Accepted)

    async def test_an_answer_that_is_lost_leaves_it_uncertain(
        self, harness: ProviderHarness, provider: Provider
    ) -> None:
        since, message = datetime.now(UTC), harness.message()
        harness.fault(phase="taken", answer="hang_up", times=1)

        answer = await provider.send(message)

        assert isinstance(answer, UncertainFailure)
        assert len(harness.arrived) == 1
        await self._ends_as_it_says(harness, provider, message, since)

    async def _ends_as_it_says(
        self,
        harness: ProviderHarness,
        provider: Provider,
        message: OutgoingMessage,
        since: datetime,
    ) -> None:
        """See how the doubt ends, by what the provider says of itself."""
        if isinstance(provider, AskableProvider):
            assert isinstance(await provider.find(message, since=since), Accepted)
        assert isinstance(provider, AskableProvider) == (provider.repeating is Repeating.ASKABLE)
        if provider.repeating is Repeating.IDEMPOTENT:
            assert isinstance(await provider.send(message), Accepted)
            assert harness.key_of is not None, "then something must tell repetitions apart"
            assert len({harness.key_of(each) for each in harness.arrived}) == 1

    async def test_the_key_goes_along(self, harness: ProviderHarness, provider: Provider) -> None:
        if harness.key_of is None:
            assert provider.repeating is not Repeating.IDEMPOTENT
            return
        await provider.send(harness.message())
        await provider.send(harness.message())

        one, other = (harness.key_of(each) for each in harness.arrived)
        assert one
        assert other
        assert one != other

    @pytest.mark.parametrize("phase", ["received", "taken"])
    async def test_a_silent_provider_is_waited_for_no_longer_than_it_may_take(
        self, harness: ProviderHarness, phase: str
    ) -> None:
        provider = harness.open(timeout=_IMPATIENCE)
        harness.fault(phase=phase, answer="hang", times=1)
        # On a busy machine connecting alone may take too long: then it was asked for nothing yet.
        while not any(each.happened for each in harness.lab.faults.listed()):
            try:
                async with asyncio.timeout(_IMPATIENCE.total_seconds()):
                    answer = await provider.send(harness.message())
            except TimeoutError:
                answer = UncertainFailure(detail="as the dispatcher has it")
        after = await harness.open().send(harness.message())
        await harness.close()

        assert isinstance(answer, UncertainFailure)
        assert isinstance(after, Accepted)

    async def test_who_is_cancelled_leaves_nothing_broken(
        self, harness: ProviderHarness, provider: Provider
    ) -> None:
        harness.fault(phase="received", answer="hang", times=1)
        sending = asyncio.create_task(provider.send(harness.message()))
        while not any(each.happened for each in harness.lab.faults.listed()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)

        sending.cancel()

        with pytest.raises(asyncio.CancelledError):
            await sending
        assert isinstance(await provider.send(harness.message()), Accepted)

    async def test_who_throttles_says_for_how_long(
        self, harness: ProviderHarness, provider: Provider
    ) -> None:
        if harness.throttled is None:
            return
        harness.fault(times=1, retry_after=60, **harness.throttled)

        answer = await provider.send(harness.message())

        assert isinstance(answer, TransientFailure)
        assert answer.reason is Reason.RATE_LIMITED
        assert answer.provider_retry_after == timedelta(seconds=60)

    async def test_a_check_sends_nothing(
        self, harness: ProviderHarness, provider: Provider
    ) -> None:
        if not isinstance(provider, CheckableProvider):
            return
        works = await provider.check()
        await harness.lab.stop()
        fails = await provider.check()
        await harness.lab.start()

        assert works.is_ok, works.words
        assert not fails.is_ok
        assert fails.words
        assert not harness.arrived

    async def test_it_may_be_closed_at_any_time(
        self, harness: ProviderHarness, provider: Provider
    ) -> None:
        await harness.open().close()
        await provider.send(harness.message())
        await provider.close()
        await provider.close()
