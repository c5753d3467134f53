"""FCM's refusals are those of its documents.

https://firebase.google.com/docs/cloud-messaging/error-codes, and as collected in
https://bloomberg.github.io/pushiko/fcm_responses
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
from notification_providers.push.fcm_errors import read_error

NOW = datetime(2027, 2, 1, tzinfo=UTC)


def fcm_error(status, code, *details, canonical="X", **headers):
    kinds = [{"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code}]
    error = {"code": status, "message": "why", "status": canonical}
    error["details"] = [*details, *(kinds if code else [])]
    body = json.dumps({"error": error}).encode()
    return HttpAnswer(status=status, headers=headers, body=body)


def bad_field(name):
    violation = {"field": name, "description": "of the field"}
    return {"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation]}


def gone(code):
    return AddressGone(reason=Reason.ADDRESS_GONE, detail=f"FCM answered {code}: why")


def permanent(reason, detail):
    return PermanentFailure(
        reason=reason, detail=f"FCM answered {detail}", fault=FaultSide.RECIPIENT
    )


def later(reason, detail, seconds=None, fault=FaultSide.PROVIDER):
    asked = None if seconds is None else timedelta(seconds=seconds)
    detail = f"FCM answered {detail}"
    return TransientFailure(reason=reason, detail=detail, retry_after=asked, fault=fault)


RETRY = {"retry-after": "90"}


@pytest.mark.parametrize(
    ("reply", "failure"),
    [
        (fcm_error(404, "UNREGISTERED"), gone("404 UNREGISTERED")),
        (
            fcm_error(400, "INVALID_ARGUMENT"),
            permanent(Reason.INVALID_ADDRESS, "400 INVALID_ARGUMENT: why"),
        ),
        (
            fcm_error(400, "INVALID_ARGUMENT", bad_field("message.token")),
            permanent(Reason.INVALID_ADDRESS, "400 INVALID_ARGUMENT: why"),
        ),
        (
            fcm_error(400, "INVALID_ARGUMENT", bad_field("message.android.ttl")),
            permanent(Reason.PROVIDER_REJECTED, "400 INVALID_ARGUMENT: why (message.android.ttl)"),
        ),
        (
            fcm_error(400, None, bad_field("message.data[0].value"), canonical="INVALID_ARGUMENT"),
            permanent(
                Reason.PROVIDER_REJECTED, "400 INVALID_ARGUMENT: why (message.data[0].value)"
            ),
        ),
        (
            fcm_error(400, None, canonical="INVALID_ARGUMENT"),
            permanent(Reason.PROVIDER_REJECTED, "400 INVALID_ARGUMENT: why"),
        ),
        (
            fcm_error(401, "THIRD_PARTY_AUTH_ERROR"),
            later(
                Reason.PROVIDER_AUTH, "401 THIRD_PARTY_AUTH_ERROR: why", fault=FaultSide.RECIPIENT
            ),
        ),
        (
            fcm_error(403, None, canonical="PERMISSION_DENIED"),
            Misconfigured(detail="FCM answered 403 PERMISSION_DENIED: why"),
        ),
        (
            fcm_error(404, None, canonical="NOT_FOUND"),
            Misconfigured(detail="FCM answered 404 NOT_FOUND: why"),
        ),
        (
            fcm_error(429, "QUOTA_EXCEEDED", **RETRY),
            later(Reason.RATE_LIMITED, "429 QUOTA_EXCEEDED: why", 90),
        ),
        (
            fcm_error(429, "QUOTA_EXCEEDED"),
            later(Reason.RATE_LIMITED, "429 QUOTA_EXCEEDED: why", 60, FaultSide.RECIPIENT),
        ),
        (
            fcm_error(503, "UNAVAILABLE", **RETRY),
            later(Reason.PROVIDER_UNAVAILABLE, "503 UNAVAILABLE: why", 90),
        ),
        (
            fcm_error(500, "INTERNAL"),
            later(Reason.PROVIDER_UNAVAILABLE, "500 INTERNAL: why"),
        ),
        (
            HttpAnswer(status=502, headers={}, body=b"<!DOCTYPE html>"),
            later(Reason.PROVIDER_UNAVAILABLE, "502"),
        ),
    ],
)
def test_what_a_refusal_becomes(reply, failure):
    assert read_error(reply, token="t-1", is_proven=True, now=NOW) == failure


@pytest.mark.parametrize(
    "body", [b"[]", b'{"error": []}', b'{"error": {"details": [7, {}]}}', b"\xff"]
)
def test_an_answer_that_is_no_error_of_fcm_is_read_too(body):
    answer = HttpAnswer(status=400, headers={}, body=body)

    assert isinstance(read_error(answer, is_proven=True, now=NOW), PermanentFailure)


def test_the_token_of_another_project_is_gone_only_if_the_project_is_surely_the_right_one():
    mismatch = fcm_error(403, "SENDER_ID_MISMATCH")

    assert read_error(mismatch, is_proven=True, now=NOW) == gone("403 SENDER_ID_MISMATCH")
    assert read_error(mismatch, is_proven=False, now=NOW) == permanent(
        Reason.INVALID_ADDRESS, "403 SENDER_ID_MISMATCH: why"
    )


def test_an_answer_that_repeats_the_token_is_not_quoted():
    refused = fcm_error(400, "INVALID_ARGUMENT")

    assert read_error(refused, token="why", is_proven=True, now=NOW).detail == (
        "FCM answered 400 INVALID_ARGUMENT"
    )
