"""What would become of a notification, asked before it is sent."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from notification_contracts.states import Reason
from notification_dispatcher.domain.contact import ContactAddress
from notification_ledger.channel_pauses import InMemoryChannelPauses
from notification_providers.memory import InMemoryProvider
from notification_providers.port import Misconfigured
from notification_providers.urls import Limits
from service_kit.epoch import utc_now

ASKED = {"user_id": "ada", "message": "hello"}


@pytest.fixture
def foresee(in_memory):
    """Ask a dispatcher of its own, and check that it sends nothing."""

    async def ask(asked=None, headers=None, **options):
        provider = InMemoryProvider(name="mail")
        options = {"providers": {"email": [(provider, Limits())]}} | options
        async with in_memory(**options) as (_, http):
            body = json.dumps(ASKED | (asked or {}))
            answer = await http.post("/notifications/explain", content=body, headers=headers)
        assert provider.sent == []
        assert answer.status_code == 200, answer.text
        return answer.json()

    return ask


async def test_it_goes_the_way_of_a_notification_up_to_the_provider(foresee):
    assert await foresee() == {
        "would_be_sent": True,
        "reason": None,
        "channel": "email",
        "sentence": "It would be sent on email by mail, to the user's address."
        " It would leave at once.",
        "targets": [{"target": "#1", "health": "good", "is_used": True}],
        "provider": "mail",
        "waits_until": None,
        "delivery": "live",
    }


@pytest.mark.parametrize(
    ("asked", "reason", "said"),
    [
        ({"user_id": "bob"}, "unknown_user", "there is no user with the id bob"),
        ({"channel": "chat"}, "no_address", "ada has no address for chat"),
        (
            {"channel": "sms", "message": "x" * 1601},
            "message_too_long",
            "the message is too long for sms (on sms at most 1600 characters, not 1601",
        ),
    ],
)
async def test_what_would_fail_says_why(foresee, asked, reason, said):
    told = await foresee(asked)

    assert (told["would_be_sent"], told["reason"]) == (False, reason)
    assert told["sentence"].startswith("It would be accepted and fail, because ")
    assert said in told["sentence"]


async def test_the_health_of_each_address_is_told_and_never_the_address(foresee, contacts):
    addresses = [
        ContactAddress(value="old@example.com", label="work", suppressed="bounce"),
        ContactAddress(value="new@example.com"),
        ContactAddress(value="spare@example.com"),
    ]
    contacts.add("ada", {"email": addresses})

    told = await foresee()

    assert told["targets"] == [
        {"target": "work", "health": "bounce", "is_used": False},
        {"target": "#2", "health": "good", "is_used": True},
        {"target": "#3", "health": "good", "is_used": False},
    ]
    assert "to #2." in told["sentence"]
    assert "example.com" not in json.dumps(told)


async def test_all_addresses_suppressed_are_told_as_such(foresee, contacts):
    contacts.add("ada", {"email": [ContactAddress(value="a@example.com", suppressed="complaint")]})

    told = await foresee({"channel": "email"})

    assert (told["would_be_sent"], told["reason"]) == (False, "suppressed")
    assert [each["health"] for each in told["targets"]] == ["complaint"]


async def test_a_provider_that_can_not_be_asked_now_says_when_it_can(in_memory):
    refused = InMemoryProvider(name="mail", answers=[Misconfigured(detail="535")])
    async with in_memory(providers={"email": [(refused, Limits())]}) as (send, http):
        await send.until(await send(), "validated", "retrying")
        async for _ in _until_open(http):
            pass
        told = (await http.post("/notifications/explain", content=json.dumps(ASKED))).json()

    assert told["would_be_sent"]
    assert told["provider"] is None
    assert datetime.fromisoformat(told["waits_until"]) > datetime.now(UTC)
    assert "No provider of email can be asked now; one can in " in told["sentence"]


async def _until_open(http):
    while True:
        [email] = [
            each
            for each in (await http.get("/providers")).json()["channels"]
            if each["channel"] == "email"
        ]
        if email["providers"][0]["breaker"] == "open":
            return
        yield


async def test_a_paused_channel_is_told(foresee):
    pauses = InMemoryChannelPauses(now=utc_now)
    await pauses.pause("email")

    told = await foresee(pauses=pauses)

    assert told["sentence"].endswith(
        "It would wait until email is resumed, which an operator has paused."
    )


async def test_a_time_to_send_at_is_told(foresee):
    send_at = (datetime.now(UTC) + timedelta(days=2)).isoformat()

    assert "It would leave at " in (await foresee({"send_at": send_at}))["sentence"]


@pytest.mark.parametrize(
    "options", [{"DELIVERY": "capture"}, {"headers": {"X-Key-Id": "k", "X-Key-Kind": "test"}}]
)
async def test_what_reaches_nobody_says_so(foresee, options):
    told = await foresee(**options)

    assert told["delivery"] == "capture"
    assert "it reaches nobody" in told["sentence"]


async def test_while_contacts_can_not_be_looked_up_it_would_wait(foresee, contacts):
    contacts.is_down = True

    told = await foresee()

    assert (told["would_be_sent"], told["reason"]) == (True, Reason.CONTACTS_UNAVAILABLE)
    assert told["sentence"].startswith("It would wait, because the user-service")


async def test_a_body_that_makes_no_sense_is_refused_by_field(in_memory):
    async with in_memory() as (_, http):
        answer = await http.post("/notifications/explain", content=b'{"user_id":"","tags":[1]}')

    assert answer.status_code == 422
    pointers = {each["pointer"] for each in answer.json()["errors"]}
    assert pointers == {"/user_id", "/message", "/tags/0"}
