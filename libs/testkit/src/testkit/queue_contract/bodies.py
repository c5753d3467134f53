"""Looking at what a message holds, without taking it up."""

from testkit.queue_contract.harness import QueueHarness, message

BODY = b'{"user_id": "ada"}'


class BodyContract:
    """What holds for `body_of`."""

    async def test_a_message_is_shown_until_it_has_ended(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", body=BODY))
        waiting = await harness.queue.body_of("m")
        delivery = await harness.take()
        leased = await harness.queue.body_of("m")
        await delivery.start()
        await delivery.ack()

        kept = BODY if harness.shows_bodies else None
        assert (waiting, leased) == (kept, kept)
        assert await harness.queue.body_of("m") is None

    async def test_a_dead_letter_is_shown_until_it_is_deleted(self, harness: QueueHarness) -> None:
        await harness.queue.send(message("m", body=BODY))
        await (await harness.take()).dead_letter("given up")
        dead = await harness.queue.body_of("m")
        await harness.queue.delete("m")

        assert dead == (BODY if harness.shows_bodies else None)
        assert await harness.queue.body_of("m") is None

    async def test_looking_at_a_message_takes_nothing_away(self, harness: QueueHarness) -> None:
        await harness.send("m", "other")
        await harness.queue.body_of("m")

        assert await harness.left() == ["m", "other"]

    async def test_an_unknown_message_shows_nothing(self, harness: QueueHarness) -> None:
        assert await harness.queue.body_of("never sent") is None
