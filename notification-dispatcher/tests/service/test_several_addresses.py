import asyncio

TOKENS = ["sim-gone", "sim-ok", "sim-fail-1-then-ok"]


async def test_each_device_gets_it_once_and_the_user_service_hears_of_the_dead_one(
    on_redis, user_service, outbox
):
    listed = [
        {"address": token, "label": None, "health": "good", "suppression": None} for token in TOKENS
    ]
    user_service.users["bob"] = {"push": TOKENS[0], "addresses": {"push": listed}}
    async with on_redis(RETRY_SCHEDULE="1s") as (send, _):
        record = await send.until(await send("bob", channel="push"), "sent", "failed")
        async with asyncio.timeout(60):
            while {each["kind"] for each in user_service.reports} < {"gone", "used"}:
                await asyncio.sleep(0.05)

    assert (record.status, record.attempts) == ("sent", 2)
    assert sorted(line["address"] for line in outbox.lines()) == sorted(TOKENS[1:])
    [first] = [entry.targets for entry in record.timeline if entry.status == "retrying"]
    assert [(each.target, each.outcome) for each in first] == [
        ("#1", "gone"),
        ("#2", "accepted"),
        ("#3", "transient"),
    ]
    [gone] = [each for each in user_service.reports if each["kind"] == "gone"]
    assert (gone["channel"], gone["address"], gone["reason"]) == (
        "push",
        "sim-gone",
        "address_gone",
    )
