"""APNs' refusals are those of Apple's table.

https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
"""

import json
from datetime import UTC, datetime, timedelta

import pytest
from notification_contracts.states import Reason
from notification_providers.http import HttpAnswer
from notification_providers.port import (
    AddressGone,
    FaultSide,
    Misconfigured,
    PermanentFailure,
    TransientFailure,
)
from notification_providers.push.apns_errors import read_refusal

NOW = datetime(2027, 2, 1, tzinfo=UTC)
DIED = datetime(2027, 1, 15, 12, 30, tzinfo=UTC)


def refusal(status, reason, timestamp=None, **headers):
    said = {"reason": reason} | ({} if timestamp is None else {"timestamp": timestamp})
    return HttpAnswer(status=status, headers=headers, body=json.dumps(said).encode())


def gone(detail, since=None):
    return AddressGone(reason=Reason.ADDRESS_GONE, detail=f"APNs answered {detail}", since=since)


def permanent(reason, detail):
    detail = f"APNs answered {detail}"
    return PermanentFailure(reason=reason, detail=detail, fault=FaultSide.RECIPIENT)


def later(reason, detail, asked=None, fault=FaultSide.PROVIDER):
    detail = f"APNs answered {detail}"
    return TransientFailure(reason=reason, detail=detail, retry_after=asked, fault=fault)


MILLISECONDS = int(DIED.timestamp() * 1000)
RETRY = {"retry-after": "90"}


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (refusal(410, "Unregistered", MILLISECONDS), gone("410 Unregistered", DIED)),
        (refusal(410, "ExpiredToken", MILLISECONDS), gone("410 ExpiredToken", DIED)),
        (refusal(410, "Unregistered"), gone("410 Unregistered")),
        (refusal(410, "Unregistered", 10**30), gone("410 Unregistered")),
        (refusal(410, "Unregistered", "yesterday"), gone("410 Unregistered")),
        (refusal(400, "BadDeviceToken"), gone("400 BadDeviceToken")),
        (
            refusal(400, "DeviceTokenNotForTopic"),
            permanent(Reason.INVALID_ADDRESS, "400 DeviceTokenNotForTopic"),
        ),
        (refusal(400, "PayloadEmpty"), permanent(Reason.PROVIDER_REJECTED, "400 PayloadEmpty")),
        (
            refusal(413, "PayloadTooLarge"),
            permanent(Reason.MESSAGE_TOO_LONG, "413 PayloadTooLarge"),
        ),
        (
            refusal(429, "TooManyRequests", **RETRY),
            later(
                Reason.RATE_LIMITED,
                "429 TooManyRequests",
                timedelta(seconds=90),
                FaultSide.RECIPIENT,
            ),
        ),
        (
            refusal(429, "TooManyProviderTokenUpdates"),
            later(Reason.RATE_LIMITED, "429 TooManyProviderTokenUpdates", timedelta(minutes=5)),
        ),
        (
            refusal(500, "InternalServerError"),
            later(Reason.PROVIDER_UNAVAILABLE, "500 InternalServerError"),
        ),
        (
            refusal(503, "Shutdown", **RETRY),
            later(Reason.PROVIDER_UNAVAILABLE, "503 Shutdown", timedelta(seconds=90)),
        ),
        (refusal(400, "IdleTimeout"), later(Reason.PROVIDER_UNAVAILABLE, "400 IdleTimeout")),
    ],
)
def test_what_a_refusal_becomes(answer, failure):
    assert read_refusal(answer, is_proven=True, now=NOW) == failure


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (403, "ExpiredProviderToken"),
        (403, "InvalidProviderToken"),
        (403, "MissingProviderToken"),
        (403, "BadEnvironmentKeyIdInToken"),
        (403, "Forbidden"),
        (400, "BadTopic"),
        (400, "MissingTopic"),
        (400, "TopicDisallowed"),
        (404, "BadPath"),
    ],
)
def test_what_is_refused_of_this_system_is_misconfigured(status, reason):
    assert read_refusal(refusal(status, reason), is_proven=True, now=NOW) == Misconfigured(
        detail=f"APNs answered {status} {reason}"
    )


def test_a_bad_token_is_not_forgotten_while_the_environment_may_be_the_wrong_one():
    # "A valid sandbox token used in the production environment will also give this error."
    # https://developer.apple.com/forums/thread/807380
    assert read_refusal(refusal(400, "BadDeviceToken"), is_proven=False, now=NOW) == permanent(
        Reason.INVALID_ADDRESS, "400 BadDeviceToken"
    )


@pytest.mark.parametrize("body", [b"", b"[]", b'{"reason": 7}', b"\xff", b"<html>"])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, PermanentFailure),
        (403, Misconfigured),
        (410, AddressGone),
        (429, TransientFailure),
        (500, TransientFailure),
    ],
)
def test_without_a_reason_the_status_decides(status, kind, body):
    answer = HttpAnswer(status=status, headers={}, body=body)

    assert isinstance(read_refusal(answer, is_proven=True, now=NOW), kind)
