"""Twilio and a plain gateway keep every provider's promises."""

from collections.abc import AsyncIterator
from typing import Final

import pytest
from asyncnotify_lab import Lab
from notification_contracts.states import Reason
from notification_providers.port import (
    AddressGone,
    FaultSide,
    Misconfigured,
    PermanentFailure,
    TransientFailure,
    UncertainFailure,
)
from testkit.provider_kit import ProviderContract, ProviderHarness, Refusal

NUMBER: Final = "+12025550101"
PROVIDER, RECIPIENT = FaultSide.PROVIDER, FaultSide.RECIPIENT

# https://www.twilio.com/docs/api/errors
TWILIO: Final = [
    Refusal({"answer": "gone"}, AddressGone, Reason.INVALID_ADDRESS),
    Refusal({"answer": "no_mobile"}, AddressGone, Reason.INVALID_ADDRESS),
    Refusal({"answer": "opted_out"}, AddressGone, Reason.OPTED_OUT),
    Refusal({"answer": "unauthorized"}, Misconfigured),
    Refusal({"answer": "bad_sender"}, Misconfigured),
    Refusal({"answer": "throttled"}, TransientFailure, Reason.RATE_LIMITED, PROVIDER),
    Refusal({"answer": "unavailable"}, UncertainFailure, side=PROVIDER),
    Refusal(
        {"status": 400, "body": {"code": 30007, "message": f"Filtered: {NUMBER}"}},
        PermanentFailure,
        Reason.PROVIDER_REJECTED,
        RECIPIENT,
    ),
    Refusal(
        {"status": 400, "body": {"code": 21408, "message": f"No permission for {NUMBER}"}},
        PermanentFailure,
        Reason.PROVIDER_REJECTED,
        PROVIDER,
    ),
]
GATEWAY: Final = [
    Refusal({"answer": "gone"}, AddressGone, Reason.INVALID_ADDRESS),
    Refusal({"answer": "opted_out"}, AddressGone, Reason.OPTED_OUT),
    Refusal({"answer": "unauthorized"}, Misconfigured),
    Refusal({"answer": "throttled"}, TransientFailure, Reason.RATE_LIMITED, PROVIDER),
    Refusal({"answer": "unavailable"}, TransientFailure, Reason.PROVIDER_UNAVAILABLE, PROVIDER),
    Refusal({"status": 500}, UncertainFailure, side=PROVIDER),
    Refusal({"status": 422}, PermanentFailure, Reason.PROVIDER_REJECTED, PROVIDER),
]


class TestTwilio(ProviderContract):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[ProviderHarness]:
        async with Lab.started() as lab:
            yield ProviderHarness(
                lab=lab,
                wire="twilio",
                channel="sms",
                address=NUMBER,
                url=f"twilio://AC{'0' * 32}:t0ken@/+12025550100?host={lab.http_url}",
                refusals=TWILIO,
                throttled={"answer": "throttled"},
                secrets=["t0ken"],
            )


class TestSmsGateway(ProviderContract):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[ProviderHarness]:
        async with Lab.started() as lab:
            url = lab.http_url.replace("http://", "sms+http://user:s3cret@")
            codes = "_code=/error&_bad_number=bad_number&_opted_out=opted_out&_id=/id"
            yield ProviderHarness(
                lab=lab,
                wire="sms-gateway",
                channel="sms",
                address=NUMBER,
                url=f"{url}/sms-gateway/send?to={{to}}&text={{text}}&key={{id}}"
                f"&_idempotent=yes&{codes}",
                refusals=GATEWAY,
                throttled={"answer": "throttled"},
                key_of=lambda sms: sms.data["fields"]["key"],
                secrets=["s3cret"],
            )
