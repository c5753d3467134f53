"""A webhook keeps every provider's promises, but that its receiver's faults are its receiver's."""

from collections.abc import AsyncIterator

import pytest
from asyncnotify_lab import Lab
from asyncnotify_lab.wires.webhook import SECRET
from notification_contracts.states import Reason
from notification_providers.port import AddressGone, FaultSide, TransientFailure
from testkit.provider_kit import ProviderContract, ProviderHarness, Refusal

THEIRS = FaultSide.RECIPIENT


class TestWebhook(ProviderContract):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[ProviderHarness]:
        async with Lab.started() as lab:
            yield ProviderHarness(
                lab=lab,
                wire="webhook",
                channel="webhook",
                address=f"{lab.http_url}/webhook/ada",
                url=f"webhook://{SECRET}@?allow=127.0.0.0/8",
                refusals=[
                    Refusal({"answer": "gone"}, AddressGone, Reason.ADDRESS_GONE),
                    Refusal(
                        {"answer": "elsewhere"}, TransientFailure, Reason.PROVIDER_REJECTED, THEIRS
                    ),
                    Refusal(
                        {"answer": "unauthorized"},
                        TransientFailure,
                        Reason.PROVIDER_REJECTED,
                        THEIRS,
                    ),
                    Refusal(
                        {"answer": "unavailable"},
                        TransientFailure,
                        Reason.PROVIDER_UNAVAILABLE,
                        THEIRS,
                    ),
                ],
                key_of=lambda hook: hook.headers["webhook-id"],
                secrets=[SECRET],
            )

    async def test_without_a_connection_nothing_was_sent(self, harness, provider):
        await harness.lab.stop()
        answer = await provider.send(harness.message())

        assert isinstance(answer, TransientFailure)
        assert answer.fault is THEIRS
