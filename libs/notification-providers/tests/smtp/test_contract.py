from collections.abc import AsyncIterator

import pytest
from asyncnotify_lab import Lab
from notification_contracts.states import Reason
from notification_providers.port import (
    AddressGone,
    FaultSide,
    Misconfigured,
    PermanentFailure,
    TransientFailure,
)
from testkit.provider_kit import ProviderContract, ProviderHarness, Refusal

OURS, THEIRS = FaultSide.PROVIDER, FaultSide.RECIPIENT
REFUSALS = [
    Refusal({"answer": "gone"}, AddressGone, Reason.ADDRESS_GONE),
    Refusal({"answer": "throttled"}, TransientFailure, Reason.RATE_LIMITED, OURS),
    Refusal(
        {"phase": "rcpt", "status": 552, "text": "5.2.2 Mailbox full"},
        PermanentFailure,
        Reason.PROVIDER_REJECTED,
        THEIRS,
    ),
    Refusal(
        {"phase": "received", "status": 550, "text": "5.7.1 blocked by policy"},
        PermanentFailure,
        Reason.PROVIDER_REJECTED,
        OURS,
    ),
    Refusal({"phase": "mail", "status": 530, "text": "5.7.0 Sign in first"}, Misconfigured),
    Refusal({"phase": "data", "answer": "hang_up"}, TransientFailure),
]


class TestSmtp(ProviderContract):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[ProviderHarness]:
        async with Lab.started() as lab:
            yield ProviderHarness(
                lab=lab,
                wire="smtp",
                channel="email",
                address="ada@example.com",
                url=f"smtp://anna:s3cret@127.0.0.1:{lab.smtp_port}?from=shop@example.org",
                refusals=REFUSALS,
                secrets=["s3cret"],
            )


class TestSmtpWithTlsAndAServiceThatKnowsKeys(ProviderContract):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[ProviderHarness]:
        async with Lab.started() as lab:
            yield ProviderHarness(
                lab=lab,
                wire="smtp",
                channel="email",
                address="ada@example.com",
                url=f"smtps://anna:s3cret@127.0.0.1:{lab.smtps_port}?from=shop@example.org"
                f"&ca={lab.ca_file}&idempotency_header=Resend-Idempotency-Key",
                refusals=REFUSALS,
                key_of=lambda mail: mail.headers["Resend-Idempotency-Key"],
                secrets=["s3cret"],
            )
