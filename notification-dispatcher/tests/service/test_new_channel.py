"""Adding a channel: one registration, one provider. This is how `docs/` describes it."""

from dataclasses import dataclass, field

import pytest
from notification_contracts.channels import CHANNELS, AddressKind, Channel, register
from notification_providers.port import Accepted, OutgoingMessage, Repeating
from notification_providers.registry import PROVIDERS


@dataclass
class PagerProvider:
    """All that a new provider has to be: a name, a way to send, and what a repetition costs."""

    name: str = "pager"
    repeating: Repeating = Repeating.NEITHER
    beeps: list[OutgoingMessage] = field(default_factory=list)
    is_closed: bool = False

    async def send(self, message: OutgoingMessage) -> Accepted:
        self.beeps.append(message)
        return Accepted()

    async def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def pager():
    provider = PagerProvider()
    register(Channel(name="pager", address_kind=AddressKind.TOKEN, max_message_chars=240))
    PROVIDERS.register("pager", lambda url, context: provider)
    yield provider
    del CHANNELS["pager"]
    del PROVIDERS.schemes["pager"]


async def test_a_channel_is_one_registration_and_one_provider(in_memory, contacts, pager):
    contacts.add("ada", {"email": "ada@example.com", "pager": "4711"}, "pager")

    async with in_memory(PAGER_PROVIDERS="pager://") as (send, _):
        record = await send.until(await send("ada", "beep"), "sent", "failed")

    assert (record.status, record.channel) == ("sent", "pager")
    [beep] = pager.beeps
    assert (beep.address, beep.message) == ("4711", "beep")
    assert pager.is_closed


async def test_a_new_channel_has_the_limits_and_settings_of_the_others(in_memory, contacts, pager):
    contacts.add("ada", {"pager": "4711"})

    async with in_memory(PAGER_PROVIDERS="pager://", PAGER_ON_AMBIGUOUS="hold") as (send, http):
        record = await send.until(await send("ada", "x" * 241), "sent", "failed")
        ready = (await http.get("/health/ready")).json()

    assert record.reason == "message_too_long"
    assert ready["checks"]["providers"]["pager.pager"] == "closed"
    assert "delivery.pager" in ready["checks"]["workers"]


async def test_without_a_provider_of_its_own_a_new_channel_has_the_fake_one(
    in_memory, contacts, pager, outbox
):
    contacts.add("ada", {"pager": "4711"})

    async with in_memory() as (send, _):
        await send.until(await send(), "sent")

    assert outbox.lines()[0]["channel"] == "pager"
