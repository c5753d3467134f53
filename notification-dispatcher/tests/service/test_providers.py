"""The operator's calls: how the providers are doing, and trying them."""

from datetime import timedelta

import pytest
from notification_contracts.states import Reason
from notification_providers.memory import InMemoryCheckableProvider, InMemoryProvider
from notification_providers.port import Accepted, CheckResult, Misconfigured, TransientFailure
from notification_providers.urls import Limits

BUSY = TransientFailure(reason=Reason.RATE_LIMITED, detail="429", retry_after=timedelta(minutes=10))


def providers_of(answer, channel):
    [found] = [each for each in answer.json()["channels"] if each["channel"] == channel]
    return found["providers"]


async def test_providers_are_listed_in_order_by_scheme_and_never_by_url(in_memory):
    urls = "fake://?password=hush, fake://"
    async with in_memory(EMAIL_PROVIDERS=urls) as (_, http):
        answer = await http.get("/providers")

    [first, second] = providers_of(answer, "email")
    assert (first["name"], first["scheme"]) == ("fake", "fake")
    assert (second["name"], second["breaker"]) == ("fake-2", "closed")
    assert "hush" not in answer.text
    assert answer.json()["pauses_are_shared"] is False
    assert {each["channel"] for each in answer.json()["channels"]} >= {"email", "sms", "push"}


async def test_what_keeps_a_provider_from_being_called_is_shown(in_memory):
    paused = InMemoryProvider(name="paused", answers=[BUSY])
    refused = InMemoryCheckableProvider(name="refused", answers=[Misconfigured(detail="535")])
    providers = {"email": [(paused, Limits()), (refused, Limits())]}
    async with in_memory(providers=providers) as (send, http):
        await send.until(await send(), "retrying")
        [first, second] = providers_of(await http.get("/providers"), "email")

    assert first["paused_until"] is not None
    assert (first["is_checkable"], second["is_checkable"]) == (False, True)
    assert (second["breaker"], second["reason"]) == ("open", "provider_auth")
    assert second["opens_until"] is not None
    assert (second["is_askable"], second["gives_receipts"]) == (False, False)


async def test_all_providers_of_a_channel_are_tried_and_say_what_is_wrong(in_memory):
    bad = CheckResult(is_ok=False, words="535 5.7.8 bad credentials")
    broken = InMemoryCheckableProvider(name="broken", found=bad)
    works = InMemoryProvider(name="works", answers=[Accepted(message_id="m-1")])
    providers = {"email": [(broken, Limits()), (works, Limits())]}
    async with in_memory(providers=providers) as (_, http):
        answer = await http.post("/providers/email/test", json={"to": "ada@example.com"})

    [first, second] = answer.json()["providers"]
    assert (first["name"], first["is_ok"]) == ("broken", False)
    assert first["check"]["words"] == "535 5.7.8 bad credentials"
    assert first["sent"] is None
    assert second["sent"]["outcome"] == "accepted"
    assert second["sent"]["message_id"] == "m-1"
    assert [message.address for message in works.sent] == ["ada@example.com"]


async def test_without_an_address_nothing_is_sent(in_memory):
    provider = InMemoryCheckableProvider()
    async with in_memory(providers={"email": [(provider, Limits())]}) as (_, http):
        answer = await http.post("/providers/email/test", content=b"{}")

    assert answer.json()["providers"][0]["check"] == {"is_ok": True, "words": "welcome"}
    assert provider.sent == []


async def test_a_test_message_is_kept_where_delivery_is_capture(in_memory, outbox):
    provider = InMemoryProvider()
    async with in_memory(providers={"email": [(provider, Limits())]}, DELIVERY="capture") as (
        _,
        http,
    ):
        answer = await http.post("/providers/email/test", json={"to": "ada@example.com"})

    assert answer.json()["providers"][0]["sent"]["delivery_mode"] == "captured"
    assert provider.sent == []
    assert [line["address"] for line in outbox.lines()] == ["ada@example.com"]


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/providers/pigeon/test", b"{}", 404, "channel_not_found"),
        ("/providers/email/test", b"", 400, "invalid_json"),
        ("/providers/email/test", b'{"to":""}', 422, "invalid_request"),
        ("/providers/email/test", b'{"to":"a\\r\\nBcc: b"}', 422, "invalid_request"),
        ("/providers/email/test", b'{"too":"a"}', 422, "invalid_request"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_name(in_memory, path, body, status, code):
    async with in_memory() as (_, http):
        answer = await http.post(path, content=body)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
