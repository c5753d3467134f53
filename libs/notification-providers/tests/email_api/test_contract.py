from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
from asyncnotify_lab import Lab
from notification_contracts.states import Reason
from notification_providers.port import (
    FaultSide,
    Misconfigured,
    PermanentFailure,
    TransientFailure,
    UncertainFailure,
)
from testkit.provider_kit import ProviderContract, ProviderHarness, Refusal


def error(status: int, name: str) -> dict[str, object]:
    """Script an error as https://resend.com/docs/api-reference/errors has it."""
    return {"status": status, "body": {"statusCode": status, "name": name, "message": "no"}}


OURS, THEIRS = FaultSide.PROVIDER, FaultSide.RECIPIENT
REFUSALS = [
    Refusal({"answer": "gone"}, PermanentFailure, Reason.PROVIDER_REJECTED, THEIRS),
    Refusal({"answer": "unauthorized"}, Misconfigured),
    Refusal({"answer": "throttled"}, TransientFailure, Reason.RATE_LIMITED, OURS),
    Refusal({"answer": "unavailable"}, UncertainFailure),
    Refusal(error(400, "invalid_idempotency_key"), PermanentFailure, side=OURS),
    Refusal(error(401, "missing_api_key"), Misconfigured),
    Refusal(error(403, "validation_error"), Misconfigured),
    Refusal(error(422, "invalid_from_address"), Misconfigured),
    Refusal(error(422, "missing_required_field"), PermanentFailure, side=THEIRS),
    Refusal(error(409, "concurrent_idempotent_requests"), UncertainFailure),
    Refusal(error(409, "invalid_idempotent_request"), UncertainFailure),
    Refusal(error(429, "daily_quota_exceeded"), TransientFailure, Reason.RATE_LIMITED, OURS),
    Refusal(error(451, "security_error"), PermanentFailure, side=OURS),
    Refusal(error(500, "internal_server_error"), UncertainFailure),
    Refusal({"status": 503, "text": "busy"}, TransientFailure, Reason.PROVIDER_UNAVAILABLE, OURS),
]


class TestResend(ProviderContract):
    @pytest.fixture
    async def harness(self) -> AsyncIterator[ProviderHarness]:
        async with Lab.started() as lab:
            yield ProviderHarness(
                lab=lab,
                wire="resend",
                channel="email",
                address="ada@example.com",
                url=f"resend://re_s3cret@/?from=shop@example.org&host={quote(lab.http_url)}",
                refusals=REFUSALS,
                key_of=lambda mail: mail.data["idempotency_key"],
                throttled={"answer": "throttled"},
                secrets=["re_s3cret"],
            )
