"""What every provider promises, of those of push. The lab keeps its keys: making one takes long."""

import json

import pytest
from asyncnotify_lab import Lab
from asyncnotify_lab.wires.webpush import subscription
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


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    return tmp_path_factory.mktemp("lab")


@pytest.fixture
async def lab(keys):
    lab = Lab(keys, keeps_messages=False)
    await lab.start()
    yield lab
    await lab.stop()


def of(lab, wire, **more):
    [url] = [each for each in lab.provider_urls["push"] if each.startswith(wire)]
    return ProviderHarness(lab=lab, wire=wire, channel="push", url=url, **more)


def refusals(fault):
    return [
        Refusal({"answer": "unauthorized"}, Misconfigured),
        Refusal({"answer": "gone"}, AddressGone, Reason.ADDRESS_GONE),
        Refusal({"answer": "throttled"}, TransientFailure, Reason.RATE_LIMITED, THEIRS),
        Refusal({"answer": "unavailable"}, TransientFailure, Reason.PROVIDER_UNAVAILABLE, fault),
    ]


class TestWebPush(ProviderContract):
    @pytest.fixture
    async def harness(self, lab):
        return of(
            lab,
            "webpush",
            address=json.dumps(subscription(lab.http_url, "browser-of-anna")),
            refusals=[
                *refusals(THEIRS),
                Refusal({"status": 413}, PermanentFailure, Reason.MESSAGE_TOO_LONG, THEIRS),
            ],
            key_of=lambda push: push.headers["topic"],
        )

    async def test_without_a_connection_nothing_was_sent(self, harness, provider):
        """An endpoint is anyone's: that it can't be reached is no fault of the provider's."""
        await harness.lab.stop()
        answer = await provider.send(harness.message())
        await harness.lab.start()

        assert isinstance(answer, TransientFailure)
        assert answer.fault is THEIRS

    async def test_a_check_sends_nothing(self, harness, provider):
        """There is nothing to log in to."""
        assert (await provider.check()).is_ok
        assert not harness.arrived


class TestFcm(ProviderContract):
    @pytest.fixture
    async def harness(self, lab):
        # In place of the named answers: a 401 is asked again with a fresh token.
        unauthorized = Refusal({"status": 403, "body": {"error": {"code": 403}}}, Misconfigured)
        return of(
            lab,
            "fcm",
            address="d3v1c3:APA91bF-token-of-anna",
            refusals=[unauthorized, *refusals(OURS)[1:]],
            key_of=lambda push: push.data["android"]["notification"]["tag"],
            throttled={"answer": "throttled"},
        )


class TestApns(ProviderContract):
    @pytest.fixture
    async def harness(self, lab):
        too_many = {"status": 429, "body": {"reason": "TooManyProviderTokenUpdates"}}
        return of(
            lab,
            "apns",
            address="ab" * 32,
            refusals=[
                *refusals(OURS),
                Refusal(
                    {"status": 400, "body": {"reason": "DeviceTokenNotForTopic"}},
                    PermanentFailure,
                    Reason.INVALID_ADDRESS,
                    THEIRS,
                ),
            ],
            key_of=lambda push: push.headers["apns-collapse-id"],
            throttled=too_many,
        )
