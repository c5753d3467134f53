"""Caps count for all dispatchers, and what they hold back is not lost."""

import asyncio

from notification_providers.memory import InMemoryProvider
from notification_providers.urls import Limits


async def settled(send, trace_id):
    """Return the record of what was sent, or held back."""
    async with asyncio.timeout(60):
        while True:
            record = await send.ledger.get(trace_id)
            if record.status in {"sent", "failed"} or record.reason == "guarded":
                return record
            await asyncio.sleep(0.02)


async def test_two_dispatchers_together_send_no_more_than_a_cap_allows(on_redis):
    provider = InMemoryProvider(name="post")
    providers = {"sms": [(provider, Limits())]}
    capped = {"providers": providers, "MAX_PER_ADDRESS_PER_HOUR": "sms=5"}
    async with on_redis(**capped) as (send, http), on_redis(**capped):
        traces = [await send(channel="sms") for _ in range(20)]
        records = [await settled(send, each) for each in traces]
        ready = (await http.get("/health/ready")).status_code
        metrics = (await http.get("/metrics")).text

    held = [record for record in records if record.status != "sent"]
    assert (len(provider.sent), len(held)) == (5, 15)
    assert {(record.status, record.attempts) for record in held} == {("validated", 0)}
    assert ready == 200
    assert "dispatcher_guarded_total" in metrics


async def test_an_sms_to_a_country_that_is_not_allowed_fails_and_says_why(in_memory, contacts):
    contacts.add("bob", {"sms": "+18765550101"})
    async with in_memory(SMS_COUNTRIES="US,CH") as (send, _):
        refused = await send.until(await send("bob", channel="sms"), "failed", "sent")
        allowed = await send.until(await send("ada", channel="sms"), "failed", "sent")

    assert (refused.status, refused.reason) == ("failed", "guarded")
    assert "JM" in refused.timeline[-1].detail
    assert allowed.status == "sent"
