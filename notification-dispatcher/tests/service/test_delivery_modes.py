"""`DELIVERY`: the whole path runs, and nothing reaches anybody."""

REFUSES = {"EMAIL_PROVIDERS": "fake://?script=fail-permanent"}


async def test_what_is_captured_is_kept_and_its_provider_is_not_called(in_memory, outbox):
    async with in_memory(DELIVERY="capture", **REFUSES) as (send, http):
        record = await send.until(await send("ada", "hello"), "sent", "failed")
        ready = (await http.get("/health/ready")).json()

    assert record.status == "sent"
    assert [line["address"] for line in outbox.lines()] == ["ada@example.com"]
    assert ready["checks"]["providers"]["delivery"] == "capture"


async def test_what_is_redirected_goes_to_that_address_alone(in_memory, outbox):
    async with in_memory(DELIVERY="redirect:me@example.org") as (send, _):
        await send.until(await send("ada", "hello", channel="email"), "sent")
        await send.until(await send("ada", "hello", channel="sms"), "sent")

    assert {line["channel"]: line["address"] for line in outbox.lines()} == {
        "email": "me@example.org",
        "sms": "+12025550101",  # captured: it went nowhere
    }


async def test_what_is_not_allowed_is_captured(in_memory, outbox):
    async with in_memory(DELIVERY="allow:*@example.org", **REFUSES) as (send, _):
        record = await send.until(await send("ada", "hello"), "sent", "failed")

    assert record.status == "sent"


async def test_what_is_allowed_goes_its_way(in_memory):
    async with in_memory(DELIVERY="allow:*@example.com", **REFUSES) as (send, _):
        record = await send.until(await send("ada", "hello"), "sent", "failed")

    assert record.status == "failed"


async def test_fakes_stand_in_for_real_providers(in_memory, outbox):
    real = {"EMAIL_PROVIDERS": "apprise+json://127.0.0.1:9/"}

    async with in_memory(DELIVERY="fake", **real) as (send, _):
        record = await send.until(await send("ada", "hello"), "sent", "failed")

    assert record.timeline[-1].provider == "fake"
    assert [line["address"] for line in outbox.lines()] == ["ada@example.com"]
