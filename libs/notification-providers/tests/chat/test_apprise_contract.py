"""Apprise keeps every provider's promises, as far as it says what went wrong."""

from collections.abc import AsyncIterator

import pytest
from asyncnotify_lab import Lab
from notification_contracts.states import Reason
from notification_providers.port import (
    FaultSide,
    Misconfigured,
    PermanentFailure,
    TransientFailure,
)
from testkit.provider_kit import ProviderContract, ProviderHarness, Refusal

OURS, THEIRS = FaultSide.PROVIDER, FaultSide.RECIPIENT
TOKEN = "t0ken-of-the-room"


class TestApprise(ProviderContract):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[ProviderHarness]:
        async with Lab.started() as lab:
            place = lab.http_url.removeprefix("http://")
            yield ProviderHarness(
                lab=lab,
                wire="slack",
                channel="chat",
                address="town-square",
                url=f"apprise+mmost://{place}/{TOKEN}?to={{address}}",
                refusals=[
                    Refusal({"answer": "gone"}, PermanentFailure, Reason.PROVIDER_REJECTED, THEIRS),
                    Refusal(
                        {"answer": "not_found"}, PermanentFailure, Reason.PROVIDER_REJECTED, THEIRS
                    ),
                    Refusal({"answer": "throttled"}, TransientFailure, Reason.RATE_LIMITED, OURS),
                    Refusal({"status": 401}, Misconfigured),
                    Refusal(
                        {"answer": "unavailable"},
                        TransientFailure,
                        Reason.PROVIDER_UNAVAILABLE,
                        OURS,
                    ),
                ],
                secrets=[TOKEN],
            )
