async def test_a_notification_goes_the_whole_way(on_redis, outbox):
    async with on_redis() as (send, _):
        trace_id = await send("ada", "hello Ada", subject="Hi")

        record = await send.until(trace_id, "sent", "failed")

    assert record.status == "sent"
    assert record.channel == "email"
    assert record.attempts == 1
    assert [entry.status for entry in record.timeline] == [
        "queued",
        "validated",
        "sending",
        "sent",
    ]
    [line] = outbox.lines()
    assert line.pop("at")
    assert line == {
        "trace_id": trace_id,
        "channel": "email",
        "address": "ada@example.com",
        "message": "hello Ada",
        "subject": "Hi",
    }
